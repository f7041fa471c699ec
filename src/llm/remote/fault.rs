//! What can go wrong with one call.

use super::Calls;
use super::wire::Tokens;
use std::time::{Duration, SystemTime};

/// Kinds of faults, each with a counter of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    RateLimited,
    Server,
    Timeout,
    Transport,
    Rejected,
    Malformed,
    OffSchema,
    Refused,
    Unscored,
    ModelChanged,
}

impl FaultKind {
    /// Whether the same question may well be answered the next time.
    pub(super) fn passes(self) -> bool {
        use FaultKind::{Malformed, RateLimited, Server, Timeout, Transport};
        matches!(self, RateLimited | Server | Timeout | Transport | Malformed)
    }

    /// Whether the endpoint rather than the question is at fault.
    pub(super) fn is_of_endpoint(self) -> bool {
        self.passes() && self != FaultKind::Malformed
    }

    pub(super) fn counter(self, calls: &mut Calls) -> &mut u64 {
        match self {
            FaultKind::RateLimited => &mut calls.rate_limited,
            FaultKind::Server => &mut calls.server_errors,
            FaultKind::Timeout => &mut calls.timeouts,
            FaultKind::Transport => &mut calls.transport_errors,
            FaultKind::Rejected => &mut calls.rejected,
            FaultKind::Malformed => &mut calls.malformed,
            FaultKind::OffSchema => &mut calls.off_schema,
            FaultKind::Refused => &mut calls.refused,
            FaultKind::Unscored => &mut calls.unscored,
            FaultKind::ModelChanged => &mut calls.model_changed,
        }
    }
}

/// One call without a usable answer.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) why: String,
    /// How long the server asks to be left alone.
    pub(super) pause: Option<Duration>,
    /// Tokens that it cost all the same.
    pub(super) tokens: Tokens,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, why: impl Into<String>) -> Fault {
        Fault {
            kind,
            why: why.into(),
            pause: None,
            tokens: Tokens::default(),
        }
    }

    pub(super) fn with_tokens(self, tokens: Tokens) -> Fault {
        Fault { tokens, ..self }
    }

    /// The fault that a status other than 200 is.
    pub(super) fn of_status(status: u16, body: &str, pause: Option<Duration>) -> Fault {
        let kind = match status {
            429 => FaultKind::RateLimited,
            408 | 425 | 500.. => FaultKind::Server,
            _ => FaultKind::Rejected,
        };
        // A server that refuses a key may repeat it.
        let why = match status {
            401 | 403 => format!("status {status}: the server does not accept the key"),
            _ => format!("status {status}: {body}"),
        };
        Fault {
            pause,
            ..Fault::new(kind, why)
        }
    }
}

/// Longest pause that a server can ask for: beyond any deadline of a step.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The pause that a header `Retry-After` asks for, seconds or an HTTP date, at most a day.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let pause = match value.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => Duration::try_from_secs_f64(seconds).unwrap_or(PAUSE_MAX),
        Ok(_) => return None,
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO),
    };
    Some(pause.min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("-1"), None);
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("NaN"), None);
        for huge in [
            "1e18",
            "99999999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            let pause = retry_after(huge).unwrap();
            assert_eq!(pause, PAUSE_MAX, "{huge}");
            assert!(std::time::Instant::now().checked_add(pause).is_some());
        }
        // RFC 9110, section 10.2.3: a date in the past asks for no pause.
        assert_eq!(
            retry_after("Fri, 31 Dec 1999 23:59:59 GMT"),
            Some(Duration::ZERO)
        );
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(5));
        let pause = retry_after(&soon).unwrap();
        assert!(
            pause > Duration::from_secs(3) && pause <= Duration::from_secs(5),
            "{pause:?}"
        );
    }
}
