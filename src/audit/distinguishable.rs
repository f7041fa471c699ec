//! Whether agents can be told from people: a classifier two-sample test.
//!
//! A classifier learns to tell agents from people by age, sex, education and hours, and is judged on
//! those it has not seen. Where it does no better than chance (area under the ROC curve ½), agents have
//! the joint distribution of people as far as a logistic regression with these features can see; where
//! it does better, something gives them away, and the same test without hours says whether it is their
//! hours.
//!
//! *People* are here draws from the tables of `census/`: sex, age and education of workers (General
//! Social Survey 2006–2018, raked to the American Community Survey 2024), and usual hours given sex and
//! full- or part-time work (American Community Survey 2012, 828 employed). They are no microdata: given
//! sex and full- or part-time work, hours do not depend on age or education, and everybody is employed.
//!
//! The test itself and its sources: [`super::told_apart`].

use super::Subject;
use super::respondent::Respondent;
use super::told_apart::{Area, told_apart};
use super::verdict::{Grade, Verdict};
use crate::error::Result;
use crate::fiscal::Schedule;
use crate::fiscal::choice::at_quantile;
use crate::population::census::{Census, CensusStreams};
use crate::population::{DEFAULT_WAGE_CAP, Education, Sex};
use crate::random::Streams;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Fewest agents that are compared.
pub const AGENTS_MIN: usize = 20;

/// People per comparison, at least as many as there are agents.
pub const PEOPLE: usize = 2_000;

/// Area up to which a difference is small.
const SMALL: f64 = 0.7;

/// Whether the agents of a group can be told from people.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distinguishable {
    /// Agents.
    pub agents: usize,
    /// People.
    pub people: usize,
    /// By age, sex, education and hours.
    pub all: Area,
    /// By age, sex and education alone.
    pub without_hours: Area,
    /// Whether people's hours were rounded to the agents' options.
    pub rounded: bool,
}

/// Somebody as the classifier sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Years.
    pub age: f64,
    /// Sex.
    pub sex: Sex,
    /// Highest completed education.
    pub education: Education,
    /// Hours per week.
    pub hours: f64,
}

impl Profile {
    /// Age, its square, sex, education.
    fn person(&self) -> Vec<f64> {
        let age = self.age / 10.0;
        let mut row = vec![age, age * age, yes(self.sex == Sex::Female)];
        row.extend(Education::STATED.map(|level| yes(self.education == level)));
        row
    }

    /// The same; hours and their square, whether they are none, few, part time, full time, or long; and
    /// products of hours with sex, age and a degree.
    fn all(&self) -> Vec<f64> {
        let mut row = self.person();
        let hours = self.hours / 10.0;
        let degree = yes(self.education >= Education::Bachelor);
        row.extend([
            hours,
            hours * hours,
            yes(self.hours < 0.5),
            yes((0.5..19.5).contains(&self.hours)),
            yes((19.5..34.5).contains(&self.hours)),
            yes((34.5..39.5).contains(&self.hours)),
            yes((39.5..40.5).contains(&self.hours)),
            yes((40.5..49.5).contains(&self.hours)),
            yes((49.5..59.5).contains(&self.hours)),
            hours * yes(self.sex == Sex::Female),
            hours * self.age / 10.0,
            hours * degree,
        ]);
        row
    }
}

fn yes(fact: bool) -> f64 {
    f64::from(u8::from(fact))
}

/// Census workers who are in no population: their numbers begin where no population ends.
///
/// # Errors
/// As [`Census::load`].
pub fn people(count: usize, seed: u64) -> Result<Vec<Profile>> {
    let census = Census::load()?;
    let streams = CensusStreams::new(seed);
    let profile = |i: usize| {
        let persona = (census.worker(&streams, (1 << 31) + i as u32, DEFAULT_WAGE_CAP)).persona();
        Profile {
            age: f64::from(persona.age),
            sex: persona.sex,
            education: persona.education,
            hours: f64::from(persona.usual_hours),
        }
    };
    Ok((0..count).map(profile).collect())
}

/// The test on profiles. With `options`, people's hours are first moved to the nearest of these
/// (of two the even multiple of the first step), so that it is not the grid of answers that tells.
///
/// # Errors
/// As [`told_apart`].
pub fn compare(
    agents: &[Profile],
    people: &[Profile],
    options: Option<&[f64]>,
    seed: u64,
) -> Result<Distinguishable> {
    let mut people = people.to_vec();
    if let Some(options) = options {
        for person in &mut people {
            person.hours = nearest(person.hours, options);
        }
    }
    let rows = |all: &[Profile], of: fn(&Profile) -> Vec<f64>| -> Vec<Vec<f64>> {
        all.iter().map(of).collect()
    };
    let area =
        |of: fn(&Profile) -> Vec<f64>| told_apart(&rows(agents, of), &rows(&people, of), seed);
    Ok(Distinguishable {
        agents: agents.len(),
        people: people.len(),
        all: area(Profile::all)?,
        without_hours: area(Profile::person)?,
        rounded: options.is_some(),
    })
}

fn nearest(hours: f64, options: &[f64]) -> f64 {
    let far = |place: usize| (options[place] - hours).abs();
    (0..options.len())
        .min_by(|&a, &b| far(a).total_cmp(&far(b)).then((a % 2).cmp(&(b % 2))))
        .map_or(hours, |place| options[place])
}

/// An agent of a group, with the facts of its persona.
pub struct Agent<'a> {
    /// As it is asked.
    pub subject: Subject<'a>,
    /// Years.
    pub age: u32,
    /// Sex.
    pub sex: Sex,
    /// Highest completed education.
    pub education: Education,
}

/// Asks agents for their hours under `schedule`, draws one answer of each, and compares them with
/// [`people`]. `None` where fewer than [`AGENTS_MIN`] answer.
///
/// # Errors
/// As [`Respondent::respond`] and [`told_apart`].
pub fn agents_and_people(
    respondent: &mut dyn Respondent,
    agents: &[Agent],
    schedule: &Schedule,
    options: Option<&[f64]>,
    seed: u64,
) -> Result<Option<Distinguishable>> {
    if agents.len() < AGENTS_MIN {
        return Ok(None);
    }
    let stimuli: Vec<_> = (agents.iter())
        .map(|agent| agent.subject.plain(schedule.clone()))
        .collect();
    let responses = respondent.respond(&stimuli)?;
    let streams = Streams::new(seed, "distinguishable");
    let profiles: Vec<Profile> = (agents.iter().zip(responses))
        .filter_map(|(agent, response)| {
            let response = response?;
            let uniform = streams.at(u64::from(agent.subject.worker), 0).random();
            Some(Profile {
                age: f64::from(agent.age),
                sex: agent.sex,
                education: agent.education,
                hours: response.hours[at_quantile(&response.probability, uniform)],
            })
        })
        .collect();
    if profiles.len() < AGENTS_MIN {
        return Ok(None);
    }
    let people = people(PEOPLE.max(profiles.len()), seed)?;
    compare(&profiles, &people, options, seed).map(Some)
}

/// The finding in words.
pub fn verdict(found: &Distinguishable) -> Verdict {
    let words = |area: &Area| {
        format!(
            "{:.2} (95 % interval {:.2} to {:.2})",
            area.auc, area.low, area.high
        )
    };
    let grade = match found.all {
        area if area.low <= 0.5 => Grade::Good,
        area if area.auc <= SMALL => Grade::Caution,
        _ => Grade::Bad,
    };
    let says = match grade {
        Grade::Good => "cannot tell these agents from",
        Grade::Caution => "can tell these agents, though not well, from",
        _ => "tells these agents from",
    };
    Verdict {
        about: "told from people".into(),
        grade,
        words: format!(
            "a classifier that sees age, sex, education and hours {says} workers of the census tables: area under the ROC curve {}, where 0.5 is chance, of {} agents and {} census workers{}; without hours {}",
            words(&found.all),
            found.agents,
            found.people,
            if found.rounded {
                " with hours rounded to the agents' options"
            } else {
                ""
            },
            words(&found.without_hours)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Census workers against other census workers: nothing tells. One in five who works 60 hours
    /// instead is found by the hours and not by the rest.
    #[test]
    fn census_workers_are_people_until_their_hours_change() {
        let all = people(2_500, 3).unwrap();
        let (mut agents, people) = (all[..500].to_vec(), &all[500..]);
        let same = compare(&agents, people, None, 1).unwrap();
        assert!(same.all.low <= 0.5 && same.all.high >= 0.5, "{same:?}");
        assert_eq!(verdict(&same).grade, Grade::Good);
        agents.iter_mut().step_by(5).for_each(|a| a.hours = 63.0);
        let changed = compare(&agents, people, None, 1).unwrap();
        assert!(changed.all.low > 0.5, "{changed:?}");
        assert_eq!(changed.without_hours, same.without_hours);
        agents.iter_mut().for_each(|a| a.hours = 0.0);
        let idle = compare(&agents, people, None, 1).unwrap();
        assert!(idle.all.auc > 0.999, "{idle:?}");
        assert_eq!(verdict(&idle).grade, Grade::Bad);
    }

    #[test]
    fn hours_go_to_the_nearest_option() {
        let options = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0];
        let at = |hours: f64| nearest(hours, &options);
        assert_eq!(
            [3.0, 35.0, 36.0, 44.0, 45.0, 46.0, 80.0].map(at),
            [0.0, 40.0, 40.0, 40.0, 40.0, 50.0, 50.0]
        );
    }
}
