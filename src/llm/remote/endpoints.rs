//! Several servers of one model: which one is asked next.

use std::time::{Duration, Instant};

/// First pause of an endpoint that failed; it doubles with every failure after it.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// Longest pause, unless the server asks for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When to look again while an endpoint that had failed is being tried.
const TRIAL: Duration = Duration::from_millis(20);

struct Endpoint {
    url: String,
    in_flight: usize,
    calls: u64,
    /// Failures since the last success.
    streak: u32,
    failed_at: Option<Instant>,
    rests_until: Option<Instant>,
}

/// The servers, with their load and health.
pub(super) struct Endpoints(Vec<Endpoint>);

impl Endpoints {
    pub(super) fn new(urls: &[String]) -> Endpoints {
        let endpoint = |url: &String| Endpoint {
            url: url.trim_end_matches('/').to_owned(),
            in_flight: 0,
            calls: 0,
            streak: 0,
            failed_at: None,
            rests_until: None,
        };
        Endpoints(urls.iter().map(endpoint).collect())
    }

    /// Takes the least loaded endpoint that does not rest, or says when to ask again.
    ///
    /// One that failed gets a single call after its rest, and more when that succeeds.
    pub(super) fn take(&mut self, now: Instant) -> Result<(usize, String), Instant> {
        let free = |endpoint: &Endpoint| {
            endpoint.rests_until.is_none_or(|until| until <= now)
                && (endpoint.streak == 0 || endpoint.in_flight == 0)
        };
        let next = (0..self.0.len())
            .filter(|&at| free(&self.0[at]))
            .min_by_key(|&at| (self.0[at].in_flight, self.0[at].calls));
        match next {
            Some(at) => {
                let endpoint = &mut self.0[at];
                endpoint.in_flight += 1;
                endpoint.calls += 1;
                Ok((at, endpoint.url.clone()))
            }
            None => {
                // One that does not rest is on trial, and may be free at any moment.
                let wakes = self.0.iter().map(|endpoint| match endpoint.rests_until {
                    Some(until) if until > now => until,
                    _ => now + TRIAL,
                });
                Err(wakes.min().unwrap_or(now + TRIAL))
            }
        }
    }

    /// Gives back `at`, which answered a call begun at `begun`. That says that it is well again
    /// only if it was asked after it had failed.
    pub(super) fn answered(&mut self, at: usize, begun: Instant) {
        let endpoint = &mut self.0[at];
        endpoint.in_flight -= 1;
        if endpoint.failed_at.is_none_or(|failed| begun >= failed) {
            endpoint.streak = 0;
            endpoint.rests_until = None;
        }
    }

    /// Gives back `at`, which failed in a call begun at `begun`, to rest for
    /// `pause`, or for as long as its failures in a row suggest.
    pub(super) fn failed(&mut self, at: usize, begun: Instant, pause: Option<Duration>) {
        let now = Instant::now();
        let endpoint = &mut self.0[at];
        endpoint.in_flight -= 1;
        // Calls that were in flight together fail together: that is one failure.
        if endpoint.failed_at.is_none_or(|failed| begun >= failed) {
            endpoint.streak += 1;
            endpoint.failed_at = Some(now);
        }
        let growing =
            PAUSE_MAX.min(PAUSE_FIRST * 2u32.saturating_pow(endpoint.streak.clamp(1, 16) - 1));
        let until = now + pause.unwrap_or(growing);
        endpoint.rests_until = Some(endpoint.rests_until.map_or(until, |old| old.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_loaded_healthy_endpoint_is_next() {
        let urls = ["a/".to_owned(), "b".to_owned()];
        let mut endpoints = Endpoints::new(&urls);
        let now = Instant::now();
        let mut take = || endpoints.take(now).map(|(_, url)| url);
        assert_eq!(
            [take(), take(), take()].map(Result::unwrap),
            ["a", "b", "a"]
        );
        endpoints.answered(0, now);
        endpoints.failed(0, now, None);
        assert_eq!(endpoints.take(now).unwrap().1, "b");
        endpoints.failed(1, now, Some(Duration::from_secs(60)));
        endpoints.failed(1, now, Some(Duration::from_secs(60)));
        let wakes = endpoints.take(now).unwrap_err();
        assert!(
            wakes <= Instant::now() + PAUSE_FIRST,
            "the first to wake is a"
        );
        assert_eq!(endpoints.take(wakes).unwrap().1, "a");
        assert!(endpoints.take(wakes).is_err(), "one trial at a time");
        endpoints.answered(0, Instant::now());
        assert_eq!(endpoints.take(now).unwrap().1, "a");
        assert_eq!(endpoints.take(now).unwrap().1, "a");
    }

    #[test]
    fn an_answer_to_an_older_call_does_not_end_a_rest() {
        let mut endpoints = Endpoints::new(&["a".to_owned()]);
        let begun = Instant::now();
        endpoints.take(begun).unwrap();
        endpoints.take(begun).unwrap();
        endpoints.failed(0, begun, Some(Duration::from_secs(60)));
        endpoints.answered(0, begun);
        let wakes = endpoints.take(Instant::now()).unwrap_err();
        assert!(wakes > begun + Duration::from_secs(59), "Retry-After holds");
        endpoints.take(wakes).unwrap();
        endpoints.answered(0, wakes);
        assert!(endpoints.take(Instant::now()).is_ok(), "well again");
    }

    #[test]
    fn one_on_trial_is_looked_at_soon_while_another_rests() {
        let mut endpoints = Endpoints::new(&["a".to_owned(), "b".to_owned()]);
        let begun = Instant::now();
        endpoints.take(begun).unwrap();
        endpoints.take(begun).unwrap();
        endpoints.failed(0, begun, Some(Duration::ZERO));
        endpoints.failed(1, begun, Some(Duration::from_secs(60)));
        let now = Instant::now();
        assert_eq!(endpoints.take(now).unwrap().1, "a");
        assert_eq!(endpoints.take(now).unwrap_err(), now + TRIAL);
    }

    #[test]
    fn pauses_double_but_failures_together_count_once() {
        let mut endpoints = Endpoints::new(&["a".to_owned()]);
        let begun = Instant::now();
        for _ in 0..3 {
            endpoints.0[0].in_flight += 1;
        }
        for _ in 0..3 {
            endpoints.failed(0, begun, None);
        }
        assert_eq!(endpoints.0[0].streak, 1);
        endpoints.0[0].in_flight = 1;
        endpoints.failed(0, Instant::now(), None);
        let rest = endpoints.0[0].rests_until.unwrap() - Instant::now();
        assert!(rest > PAUSE_FIRST && rest <= 2 * PAUSE_FIRST, "{rest:?}");
    }
}
