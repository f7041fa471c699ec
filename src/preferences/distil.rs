//! A small multinomial model that stands in for a large one.
//!
//! The teacher, a language model read at its options' probabilities, is asked about a sample of
//! situations; the student is fitted to these distributions and answers for everybody else. What the
//! token is to a distilled text model is here an option of weekly hours.
//!
//! With hours h_1 … h_J, x_j = h_j/h_J, facts f of who is asked and under what law, and attributes o_j
//! of each option (such as what it leaves to live on),
//!
//! P(j) = exp(s_j)/Σ_m exp(s_m),  s_j = a_j + (b·f) x_j + (c·f) x_j² + γ·o_j:
//!
//! an intercept for each option, and a curve over hours that everything about the asker tilts and
//! bends. A quasilinear logit worker is of this form under every tax schedule, with γ = 1/scale for
//! take-home pay and nothing in b and c.
//!
//! Sources: McFadden (1974) for the model; distillation of a distribution into a small model by
//! cross-entropy, Hinton, Vinyals and Dean (2015), "Distilling the knowledge in a neural network", arXiv
//! 1503.02531.

use super::fit;
use super::head::dot;
use crate::error::{Error, Result};
use crate::random::Streams;
use rand::seq::SliceRandom;
use rayon::prelude::*;

/// Situations with the teacher's distribution in each: rows of three tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    /// Hours of each option, ascending, the last above 0.
    pub hours: Vec<f64>,
    /// Facts of the asker in each situation.
    pub facts: Vec<Vec<f64>>,
    /// Attributes of the options in each situation, option by option: J times as many as there are
    /// attributes.
    pub attributes: Vec<Vec<f64>>,
    /// The teacher's probabilities, each row sums to 1.
    pub probabilities: Vec<Vec<f64>>,
    /// Who was asked in each situation: all situations of one asker are held out together.
    pub asker: Vec<u32>,
}

impl Lessons {
    /// None yet, about these hours.
    pub fn new(hours: Vec<f64>) -> Self {
        Lessons {
            hours,
            ..Lessons::default()
        }
    }

    /// Number of situations.
    pub fn len(&self) -> usize {
        self.asker.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.asker.is_empty()
    }

    /// Adds a situation.
    pub fn push(&mut self, asker: u32, facts: Vec<f64>, attributes: Vec<f64>, taught: Vec<f64>) {
        self.asker.push(asker);
        self.facts.push(facts);
        self.attributes.push(attributes);
        self.probabilities.push(taught);
    }

    /// The mean of the teacher's distributions: what is known without looking at a situation. Equal
    /// probabilities where there is no situation.
    pub fn mean(&self) -> Vec<f64> {
        let options = self.hours.len();
        if self.is_empty() {
            return vec![1.0 / options as f64; options];
        }
        let mut mean = vec![0.0; options];
        for row in &self.probabilities {
            mean.iter_mut().zip(row).for_each(|(m, p)| *m += p);
        }
        mean.iter_mut().for_each(|m| *m /= self.len() as f64);
        mean
    }

    fn check(&self) -> Result<()> {
        let (options, n) = (self.hours.len(), self.len());
        let widths = (
            self.facts.first().map_or(0, Vec::len),
            self.attributes.first().map_or(0, Vec::len),
        );
        let ascending = self.hours.windows(2).all(|pair| pair[0] < pair[1]);
        if options < 2 || !ascending || self.hours[0] < 0.0 {
            return Err(Error::input("distillation: the hours of the options")
                .value(format!("{:?}", self.hours))
                .allowed("at least two, ascending from 0 or more"));
        }
        if n == 0 {
            return Err(Error::run("distillation: the teacher gave no distribution"));
        }
        for i in 0..n {
            let (facts, attributes, p) =
                (&self.facts[i], &self.attributes[i], &self.probabilities[i]);
            let whole = facts.len() == widths.0
                && attributes.len() == widths.1
                && attributes.len() % options == 0
                && p.len() == options;
            let numbers = (facts.iter().chain(attributes).chain(p)).all(|x| x.is_finite());
            let sums = p.iter().all(|p| *p >= 0.0) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-6;
            if !(whole && numbers && sums) {
                return Err(Error::input(format!("distillation: situation {i}")).allowed(
                    "as many finite facts and attributes as in the first, and probabilities that sum to 1",
                ));
            }
        }
        Ok(())
    }

    /// The situations of the askers for whom `keep` says so.
    fn of(&self, keep: impl Fn(u32) -> bool) -> Lessons {
        let mut part = Lessons::new(self.hours.clone());
        for i in (0..self.len()).filter(|&i| keep(self.asker[i])) {
            part.push(
                self.asker[i],
                self.facts[i].clone(),
                self.attributes[i].clone(),
                self.probabilities[i].clone(),
            );
        }
        part
    }

    /// The askers in random order, each once.
    fn shuffled_askers(&self, seed: u64) -> Vec<u32> {
        let mut askers = self.asker.clone();
        askers.sort_unstable();
        askers.dedup();
        askers.shuffle(&mut Streams::new(seed, "distil").at(0, 0));
        askers
    }

    /// The situations but those of a share of the askers, and the situations of these; at least one
    /// asker in each where there are two.
    pub fn split(&self, held_out: f64, seed: u64) -> (Lessons, Lessons) {
        let askers = self.shuffled_askers(seed);
        let most = askers.len().saturating_sub(1);
        let count = ((held_out * askers.len() as f64).round() as usize).clamp(most.min(1), most);
        let held = &askers[..count];
        (
            self.of(|asker| !held.contains(&asker)),
            self.of(|asker| held.contains(&asker)),
        )
    }
}

/// Σ p ln(p/q), nats; 0·ln 0 = 0.
pub fn kl(p: &[f64], q: &[f64]) -> f64 {
    let pairs = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    pairs.map(|(p, q)| p * (p / q).ln()).sum()
}

/// Mean and 1/standard deviation of a column; a column without variance has no weight.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scaling {
    mean: f64,
    factor: f64,
}

impl Scaling {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / n;
        let deviation = (values.map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let varies = deviation > 1e-9 * (1.0 + mean.abs());
        Scaling {
            mean,
            factor: if varies { 1.0 / deviation } else { 0.0 },
        }
    }

    fn apply(&self, x: f64) -> f64 {
        (x - self.mean) * self.factor
    }
}

/// A fitted multinomial model.
#[derive(Clone, Debug, PartialEq)]
pub struct Student {
    /// x_j.
    x: Vec<f64>,
    facts: Vec<Scaling>,
    attributes: Vec<Scaling>,
    /// a (J), b and c (as many as facts), γ (as many as attributes).
    parameters: Vec<f64>,
    /// Precision of the normal prior on the parameters of scaled columns; intercepts are free.
    pub ridge: f64,
}

/// Rows of scaled columns.
struct Scaled<'a> {
    x: &'a [f64],
    facts: Vec<f64>,
    attributes: Vec<f64>,
    taught: &'a [Vec<f64>],
    widths: (usize, usize),
    ridge: f64,
}

/// Ridge of intercepts: so small that with a large ridge the student becomes the mean distribution.
const LOOSE: f64 = 1e-6;

/// Where in θ each part begins.
fn parts(theta: &[f64], options: usize, facts: usize) -> (&[f64], &[f64], &[f64], &[f64]) {
    let (a, rest) = theta.split_at(options);
    let (b, rest) = rest.split_at(facts);
    let (c, gamma) = rest.split_at(facts);
    (a, b, c, gamma)
}

/// s_j of all options into `scores`; returns their ln Σ exp.
fn scores(theta: &[f64], x: &[f64], facts: &[f64], attributes: &[f64], scores: &mut [f64]) -> f64 {
    let (a, b, c, gamma) = parts(theta, x.len(), facts.len());
    let (tilt, bend) = (dot(b, facts), dot(c, facts));
    let width = gamma.len();
    for (j, s) in scores.iter_mut().enumerate() {
        *s = a[j] + (tilt + bend * x[j]) * x[j] + dot(gamma, &attributes[j * width..][..width]);
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + scores.iter().map(|s| (s - top).exp()).sum::<f64>().ln()
}

impl fit::Loss for Scaled<'_> {
    /// −Σ_i Σ_j p_ij ln P_i(j) + ½·ridge·‖(b, c, γ)‖² + ½·[`LOOSE`]·‖a‖², convex; the last part settles that
    /// intercepts sum to 0.
    fn value(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let (options, (d, o)) = (self.x.len(), self.widths);
        let mut s = vec![0.0; options];
        let mut loss = 0.0;
        for (i, taught) in self.taught.iter().enumerate() {
            let facts = &self.facts[i * d..][..d];
            let attributes = &self.attributes[i * options * o..][..options * o];
            let log_sum = scores(theta, self.x, facts, attributes, &mut s);
            let (mut tilt, mut bend) = (0.0, 0.0);
            for j in 0..options {
                let log_p = s[j] - log_sum;
                loss -= taught[j] * log_p;
                let slope = log_p.exp() - taught[j];
                gradient[j] += slope;
                tilt += slope * self.x[j];
                bend += slope * self.x[j] * self.x[j];
                let own = &mut gradient[options + 2 * d..];
                let seen = &attributes[j * o..][..o];
                own.iter_mut().zip(seen).for_each(|(g, v)| *g += slope * v);
            }
            for (k, f) in facts.iter().enumerate() {
                gradient[options + k] += tilt * f;
                gradient[options + d + k] += bend * f;
            }
        }
        let ((a, rest), (of_a, of_rest)) =
            (theta.split_at(options), gradient.split_at_mut(options));
        loss + fit::ridge(LOOSE, a, of_a) + fit::ridge(self.ridge, rest, of_rest)
    }
}

impl Student {
    /// Fits the model to all lessons with a given ridge: the unique minimum of the sum of cross-entropies
    /// and ½·ridge·‖(b, c, γ)‖², columns scaled to mean 0 and variance 1. A column that does not vary in the
    /// lessons is without effect.
    ///
    /// # Errors
    /// Lessons of unequal width or without distributions; a ridge that is not above 0; no settling.
    pub fn fit(lessons: &Lessons, ridge: f64) -> Result<Student> {
        lessons.check()?;
        if !(ridge > 0.0 && ridge.is_finite()) {
            return Err(Error::input("distillation: ridge")
                .value(ridge)
                .allowed("above 0"));
        }
        let (n, options) = (lessons.len(), lessons.hours.len());
        let d = lessons.facts[0].len();
        let o = lessons.attributes[0].len() / options;
        let facts: Vec<Scaling> = (0..d)
            .map(|k| Scaling::of(lessons.facts.iter().map(move |row| row[k])))
            .collect();
        let attributes: Vec<Scaling> = (0..o)
            .map(|k| {
                let column = (lessons.attributes.iter())
                    .flat_map(move |row| row.iter().skip(k).step_by(o).copied());
                Scaling::of(column)
            })
            .collect();
        let mut student = Student {
            x: (lessons.hours.iter())
                .map(|h| h / lessons.hours[options - 1])
                .collect(),
            facts,
            attributes,
            parameters: vec![0.0; options + 2 * d + o],
            ridge,
        };
        let mut scaled = Scaled {
            x: &student.x,
            facts: Vec::with_capacity(n * d),
            attributes: Vec::with_capacity(n * options * o),
            taught: &lessons.probabilities,
            widths: (d, o),
            ridge,
        };
        for i in 0..n {
            student.scale(&lessons.facts[i], &student.facts, &mut scaled.facts);
            student.scale(
                &lessons.attributes[i],
                &student.attributes,
                &mut scaled.attributes,
            );
        }
        let found = fit::minimise(&scaled, student.parameters.clone())?;
        student.parameters = found.parameters;
        Ok(student)
    }

    /// As [`Student::fit`] with the ridge among [`RIDGES`] whose cross-entropy over `folds` folds of
    /// askers is the lowest.
    ///
    /// # Errors
    /// As [`Student::fit`].
    pub fn fit_by_cross_validation(lessons: &Lessons, folds: usize, seed: u64) -> Result<Student> {
        let askers = lessons.shuffled_askers(seed);
        let folds = folds.min(askers.len());
        if folds < 2 {
            return Student::fit(lessons, RIDGES[RIDGES.len() / 2]);
        }
        let parts: Vec<(Lessons, Lessons)> = (0..folds)
            .map(|fold| {
                let held: Vec<u32> = askers.iter().skip(fold).step_by(folds).copied().collect();
                (
                    lessons.of(|asker| !held.contains(&asker)),
                    lessons.of(|asker| held.contains(&asker)),
                )
            })
            .collect();
        let losses: Vec<f64> = (RIDGES.par_iter())
            .map(|&ridge| {
                parts.iter().try_fold(0.0, |sum, (rest, held)| {
                    let student = Student::fit(rest, ridge)?;
                    Ok(sum + held.len() as f64 * student.divergence(held))
                })
            })
            .collect::<Result<_>>()?;
        let best =
            (0..RIDGES.len()).fold(0, |best, k| if losses[k] < losses[best] { k } else { best });
        Student::fit(lessons, RIDGES[best])
    }

    fn scale(&self, row: &[f64], by: &[Scaling], into: &mut Vec<f64>) {
        if by.is_empty() {
            return;
        }
        for values in row.chunks(by.len()) {
            into.extend(values.iter().zip(by).map(|(x, scaling)| scaling.apply(*x)));
        }
    }

    /// The student's probabilities in a situation, as wide as the lessons' were.
    pub fn probabilities(&self, facts: &[f64], attributes: &[f64]) -> Vec<f64> {
        let mut row = Vec::with_capacity(facts.len() + attributes.len());
        self.scale(facts, &self.facts, &mut row);
        let split = row.len();
        self.scale(attributes, &self.attributes, &mut row);
        let mut s = vec![0.0; self.x.len()];
        let (facts, attributes) = row.split_at(split);
        let log_sum = scores(&self.parameters, &self.x, facts, attributes, &mut s);
        s.iter_mut().for_each(|s| *s = (*s - log_sum).exp());
        s
    }

    /// Mean KL(teacher‖student) over lessons, nats; NaN without any.
    pub fn divergence(&self, lessons: &Lessons) -> f64 {
        let each = |i: usize| {
            let own = self.probabilities(&lessons.facts[i], &lessons.attributes[i]);
            kl(&lessons.probabilities[i], &own)
        };
        (0..lessons.len()).map(each).sum::<f64>() / lessons.len() as f64
    }

    /// Free parameters: those of columns that vary, and J − 1 intercepts.
    pub fn freedom(&self) -> usize {
        let varying = |columns: &[Scaling]| columns.iter().filter(|c| c.factor > 0.0).count();
        self.x.len() - 1 + 2 * varying(&self.facts) + varying(&self.attributes)
    }
}

/// Ridges that cross-validation chooses from.
pub const RIDGES: [f64; 7] = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3];

/// Folds of that cross-validation.
pub const FOLDS: usize = 5;

/// How well a student stands in for its teacher, on askers whom it was not fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Situations that the student for this report was fitted to.
    pub fitted: usize,
    /// Situations held out.
    pub held_out: usize,
    /// Mean KL(teacher‖student) on these, nats.
    pub kl: f64,
    /// The same of the mean distribution of the fitted situations: a student who looks at nothing.
    pub kl_of_mean: f64,
    /// Mean hours by the teacher on these.
    pub hours_teacher: f64,
    /// Mean hours by the student on these.
    pub hours_student: f64,
    /// Ridge of the student.
    pub ridge: f64,
}

/// A student fitted to all lessons, and the report on one that was fitted to a part of them only;
/// `ridge` is chosen by cross-validation inside the part where it is `None`. No report where fewer than
/// two askers were asked.
///
/// # Errors
/// As [`Student::fit`].
pub fn distil(
    lessons: &Lessons,
    ridge: Option<f64>,
    held_out: f64,
    seed: u64,
) -> Result<(Student, Option<Report>)> {
    let fit = |lessons: &Lessons| match ridge {
        Some(ridge) => Student::fit(lessons, ridge),
        None => Student::fit_by_cross_validation(lessons, FOLDS, seed),
    };
    lessons.check()?;
    let (kept, held) = lessons.split(held_out, seed);
    let report = match held.is_empty() || kept.is_empty() {
        true => None,
        false => {
            let student = fit(&kept)?;
            let mean = kept.mean();
            let n = held.len() as f64;
            let hours = |p: &[f64]| dot(p, &lessons.hours);
            let own = |i: usize| student.probabilities(&held.facts[i], &held.attributes[i]);
            Some(Report {
                fitted: kept.len(),
                held_out: held.len(),
                kl: student.divergence(&held),
                kl_of_mean: held.probabilities.iter().map(|p| kl(p, &mean)).sum::<f64>() / n,
                hours_teacher: held.probabilities.iter().map(|p| hours(p)).sum::<f64>() / n,
                hours_student: (0..held.len()).map(|i| hours(&own(i))).sum::<f64>() / n,
                ridge: student.ridge,
            })
        }
    };
    Ok((fit(lessons)?, report))
}

#[cfg(test)]
mod tests {
    use super::super::fit::Loss;
    use super::*;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    const HOURS: [f64; 6] = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0];

    /// A planted teacher: s_j written out by hand from known numbers.
    fn planted(facts: &[f64], pay: &[f64]) -> Vec<f64> {
        let intercepts = [0.3, -0.5, 0.2, 0.6, -0.1, -0.5];
        let s: Vec<f64> = (0..HOURS.len())
            .map(|j| {
                let x = HOURS[j] / 50.0;
                intercepts[j]
                    + (1.2 * facts[0] - 0.8 * facts[1]) * x
                    + (-2.0 * facts[0] + 0.5 * facts[1]) * x * x
                    + 0.7 * pay[j]
            })
            .collect();
        let total: f64 = s.iter().map(|s| s.exp()).sum();
        s.iter().map(|s| s.exp() / total).collect()
    }

    fn lessons(count: usize, seed: u64) -> Lessons {
        let mut rng = Streams::new(seed, "planted").at(0, 0);
        let mut all = Lessons::new(HOURS.to_vec());
        for i in 0..count {
            let facts: Vec<f64> = (0..2).map(|_| rng.sample(StandardNormal)).collect();
            let wage = (0.5 * rng.sample::<f64, _>(StandardNormal)).exp();
            let pay: Vec<f64> = HOURS.iter().map(|h| wage * (h / 10.0).sqrt()).collect();
            let taught = planted(&facts, &pay);
            all.push(i as u32, facts, pay, taught);
        }
        all
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let all = lessons(20, 3);
        let flat = |rows: &[Vec<f64>]| rows.concat();
        let scaled = Scaled {
            x: &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            facts: flat(&all.facts),
            attributes: flat(&all.attributes),
            taught: &all.probabilities,
            widths: (2, 1),
            ridge: 0.3,
        };
        let at: Vec<f64> = (0..11).map(|k| (f64::from(k) * 0.7).sin()).collect();
        assert!(fit::gradient_error(&scaled, &at) < 1e-6);
        assert!(scaled.value(&at, &mut [0.0; 11]).is_finite());
    }

    /// The planted multinomial teacher: its coefficients come back, and its divergence from the student
    /// goes to 0 with the ridge.
    #[test]
    fn a_planted_teacher_is_recovered() {
        let (all, fresh) = (lessons(300, 1), lessons(300, 2));
        let mut last = f64::INFINITY;
        for ridge in [1.0, 1e-2, 1e-4, 1e-6] {
            let student = Student::fit(&all, ridge).unwrap();
            let kl = student.divergence(&fresh);
            assert!(kl >= 0.0 && kl < last / 50.0, "ridge {ridge}: {kl:e}");
            last = kl;
        }
        assert!(last < 1e-12, "{last:e}");
        let student = Student::fit(&all, 1e-7).unwrap();
        let (_, b, c, gamma) = parts(&student.parameters, 6, 2);
        let planted = [(b[0], 1.2), (b[1], -0.8), (c[0], -2.0), (c[1], 0.5)];
        for (k, (found, planted)) in planted.into_iter().enumerate() {
            let found = found * student.facts[k % 2].factor;
            assert!((found - planted).abs() < 1e-4, "{k}: {found}");
        }
        assert!((gamma[0] * student.attributes[0].factor - 0.7).abs() < 1e-4);
        assert_eq!(student.freedom(), 5 + 4 + 1);
        // With all slopes forbidden it is the mean distribution.
        let blind = Student::fit(&all, 1e4).unwrap();
        let found = blind.probabilities(&fresh.facts[0], &fresh.attributes[0]);
        assert!(kl(&all.mean(), &found) < 1e-4);
    }

    /// From one draw of the teacher in each of n situations, the divergence of the maximum-likelihood
    /// student with k free parameters is k/(2n) in expectation (Wilks 1938; Akaike 1974).
    #[test]
    fn divergence_from_draws_is_that_of_theory() {
        let (n, runs) = (1_500, 12);
        let mut sum = 0.0;
        let mut freedom = 0;
        for run in 0..runs {
            let truth = lessons(n, 100 + run);
            let mut drawn = truth.clone();
            let mut rng = Streams::new(run, "draws").at(0, 0);
            for row in &mut drawn.probabilities {
                let mut left: f64 = rng.random();
                let place = row.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                *row = vec![0.0; HOURS.len()];
                row[place.unwrap_or(HOURS.len() - 1)] = 1.0;
            }
            let student = Student::fit(&drawn, 1e-6).unwrap();
            freedom = student.freedom();
            sum += student.divergence(&truth);
        }
        let expected = freedom as f64 / (2.0 * n as f64);
        let ratio = sum / runs as f64 / expected;
        // χ²(k)/k over so many runs has a standard deviation of √(2/(k·runs)) = 0.13.
        assert!((ratio - 1.0).abs() < 0.4, "{ratio}");
    }

    /// The ridge is chosen where it generalises: noise facts ask for more of it than a planted teacher.
    #[test]
    fn a_report_is_about_askers_who_were_held_out() {
        let all = lessons(200, 5);
        let (_, report) = distil(&all, None, 0.2, 7).unwrap();
        let report = report.unwrap();
        assert_eq!((report.fitted, report.held_out), (160, 40));
        assert_eq!(report.ridge, 1e-3);
        assert!(report.kl < 1e-5 && report.kl_of_mean > 0.05, "{report:?}");
        assert!((report.hours_teacher - report.hours_student).abs() < 0.05);
        // Nothing to be learned: the student is no worse than the mean by more than little.
        let mut rng = Streams::new(9, "noise").at(0, 0);
        let mut blind = Lessons::new(HOURS.to_vec());
        for i in 0..60 {
            let facts: Vec<f64> = (0..12).map(|_| rng.sample(StandardNormal)).collect();
            let mut p: Vec<f64> = (0..6).map(|_| rng.random::<f64>()).collect();
            let total: f64 = p.iter().sum();
            p.iter_mut().for_each(|p| *p /= total);
            blind.push(i, facts, vec![], p);
        }
        let (_, report) = distil(&blind, None, 0.3, 7).unwrap();
        let report = report.unwrap();
        assert!(report.ridge >= 1.0, "{report:?}");
        assert!(report.kl < 1.02 * report.kl_of_mean, "{report:?}");
    }

    /// All situations of one asker are on the same side.
    #[test]
    fn askers_are_held_out_whole() {
        let mut all = lessons(40, 1);
        all.asker.iter_mut().for_each(|asker| *asker %= 10);
        let (kept, held) = all.split(0.2, 3);
        assert_eq!((kept.len(), held.len()), (32, 8));
        assert!(held.asker.iter().all(|asker| !kept.asker.contains(asker)));
    }

    #[test]
    fn bad_lessons_are_refused() {
        let mut all = lessons(4, 1);
        assert!(Student::fit(&Lessons::new(HOURS.to_vec()), 1.0).is_err());
        assert!(Student::fit(&all, 0.0).is_err());
        all.probabilities[2][1] += 0.1;
        let error = Student::fit(&all, 1.0).unwrap_err().to_string();
        assert!(error.contains("situation 2"), "{error}");
    }

    /// By hand: KL((½, ½)‖(¼, ¾)) = ½ ln 2 + ½ ln ⅔; a probability of 0 adds nothing.
    #[test]
    fn divergence_by_hand() {
        let found = kl(&[0.5, 0.5, 0.0], &[0.25, 0.75, 0.0]);
        assert!((found - 0.5 * (2.0f64 * 2.0 / 3.0).ln()).abs() < 1e-15);
    }
}
