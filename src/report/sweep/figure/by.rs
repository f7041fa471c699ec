//! Welfare gain, or any column of the summary, against the values of a swept key: a line per arm.

use polars::prelude::Column;

use super::super::super::figure::{Draft, column};
use super::super::super::scale::{Scale, Spacing};
use super::super::super::sheet::{Axis, Panel, SOFT, Sheet, Stroke};
use super::super::super::typeface::{fit, width};
use super::super::estimate::Estimate;
use super::super::groups::{Gain, Groups, WELFARE, mean_by_seed, short_key};
use super::super::study::{Level, Played, Study};
use super::bins::{Bins, bins};
use super::curves::{self, Curve, Point, Style};
use super::data::numbers_column;
use super::measure::{Unit, around};
use super::panels::{self, FEW};
use crate::Result;

/// What is shown against the key.
pub struct Subject<'a> {
    study: &'a Study,
    groups: &'a Groups<'a>,
    /// A column of the summary; none for the gain over the reference.
    outcome: Option<usize>,
    /// Gains in percent of what is attainable rather than in the unit of welfare.
    percent: bool,
}

/// What was measured in one place.
#[derive(Clone, Copy)]
pub struct Measured {
    /// What is drawn.
    pub drawn: Estimate,
    /// Groups that it is the mean of.
    pub groups: usize,
    /// Both units of a gain; none of another outcome.
    pub gain: Option<Gain>,
}

impl<'a> Subject<'a> {
    /// The gain, in percent where every group has the optimum and a U.S. law; or column `outcome`.
    ///
    /// # Errors
    /// In words: why there is nothing to show.
    pub fn new(
        study: &'a Study,
        groups: &'a Groups<'a>,
        outcome: Option<usize>,
    ) -> Result<Self, String> {
        if outcome.is_none() && groups.reference.is_none() {
            return Err(
                "no arm is one of Saez's formulas or a U.S. law to measure gains against".into(),
            );
        }
        let mut subject = Subject {
            study,
            groups,
            outcome,
            percent: true,
        };
        subject.percent = outcome.is_none() && subject.all_in_percent();
        Ok(subject)
    }

    /// The sweep.
    pub fn study(&self) -> &'a Study {
        self.study
    }

    /// Its groups.
    pub fn groups(&self) -> &'a Groups<'a> {
        self.groups
    }

    fn all_in_percent(&self) -> bool {
        let mut some = false;
        for g in 0..self.groups.groups.len() {
            for arm in self.arms() {
                let gain = self.groups.gain(arm, &[g], |p| self.welfare(p));
                if gain.amount.n > 0 && gain.percent.n == 0 {
                    return false;
                }
                some |= gain.percent.n > 0;
            }
        }
        some
    }

    fn welfare(&self, played: &Played) -> f64 {
        let column = self.study.outcome(WELFARE);
        column.map_or(f64::NAN, |column| played.outcomes[column])
    }

    /// Arms that are shown: all but the reference of a gain.
    pub fn arms(&self) -> Vec<usize> {
        let left_out = self.groups.reference.filter(|_| self.outcome.is_none());
        let order = self.groups.drawing_order().into_iter();
        order.filter(|arm| Some(*arm) != left_out).collect()
    }

    /// The arm's value in the groups `which` together.
    pub fn measure(&self, arm: usize, which: &[usize]) -> Measured {
        match self.outcome {
            None => {
                let gain = self.groups.gain(arm, which, |p| self.welfare(p));
                let (drawn, groups) = match self.percent {
                    true => (gain.percent, gain.percent_groups),
                    false => (gain.amount, gain.groups),
                };
                Measured {
                    drawn,
                    groups,
                    gain: Some(gain),
                }
            }
            Some(column) => {
                let of = |&g: &usize| {
                    let series = self.groups.groups[g].of(arm)?;
                    Some(series.by_seed(|p| p.outcomes[column]))
                };
                let lists: Vec<_> = which.iter().filter_map(of).collect();
                let groups = lists.len();
                let by_seed = mean_by_seed(lists);
                Measured {
                    drawn: Estimate::of(by_seed.into_iter().map(|(_, value)| value)),
                    groups,
                    gain: None,
                }
            }
        }
    }

    /// Its unit in the groups `which`; none where they differ.
    pub fn unit(&self, which: &[usize]) -> Option<Unit> {
        let name = self
            .outcome
            .map(|column| self.study.outcomes[column].as_str());
        match name {
            None if self.percent => return Some(Unit::Percent),
            Some(name)
                if !(name.starts_with("welfare")
                    || name == "gain_over_us"
                    || name == "best_welfare") =>
            {
                return Some(unit_of(name));
            }
            _ => {}
        }
        let mut units = which.iter().map(|&g| self.groups.groups[g].objective());
        let first = units.next()?;
        units
            .all(|other| other == first)
            .then(|| Unit::named(first.1))
    }

    /// Whether the groups `which` have a mean of it: gains under two objectives have none.
    pub fn has_mean(&self, which: &[usize]) -> bool {
        self.outcome.is_some() || self.groups.one_objective(which)
    }

    /// Title of the figure before "by …".
    pub fn title(&self) -> String {
        match (self.outcome, self.groups.reference) {
            (Some(column), _) => in_words(&self.study.outcomes[column]),
            (None, Some(arm)) => format!("Welfare gain over {}", self.groups.arms[arm].name),
            (None, None) => "Welfare gain".into(),
        }
    }

    /// Title of the axis.
    pub fn axis(&self, unit: &Unit) -> String {
        match self.outcome {
            None if self.percent => "Gain, % of the attainable gain".into(),
            None => format!("Gain, {}", unit.shown()),
            Some(column) => match unit.shown() {
                "" => in_words(&self.study.outcomes[column]),
                shown => format!("{}, {shown}", in_words(&self.study.outcomes[column])),
            },
        }
    }

    /// What the gain is, for captions.
    pub fn explained(&self) -> String {
        let Some(arm) = self.groups.reference.filter(|_| self.outcome.is_none()) else {
            let column = self.outcome.map_or("", |k| &self.study.outcomes[k]);
            return format!("{} as in summary.parquet, mean over seeds.", window(column));
        };
        let name = &self.groups.arms[arm].name;
        let percent = match (self.percent, self.groups.law) {
            (true, Some(law)) => format!(
                ", in percent of the attainable gain, which is the welfare of the optimum less that of {} (ratio of \
                 means over seeds; Fieller's interval)",
                self.groups.arms[law].name
            ),
            _ => String::new(),
        };
        format!(
            "Welfare of each arm less that of {name}, seed by seed, both as the mean over the last third of the tax \
             years{percent}."
        )
    }

    /// Columns of the CSV for measured places.
    pub fn columns(&self, measured: &[Measured]) -> Vec<Column> {
        let pick = |name: &str, of: &dyn Fn(&Measured) -> f64| {
            let values = measured.iter().map(|m| {
                let value = of(m);
                value.is_finite().then_some(value)
            });
            numbers_column(name, values.collect())
        };
        let gain = |m: &Measured| m.gain.map_or(Estimate::NONE, |gain| gain.amount);
        let percent = |m: &Measured| m.gain.map_or(Estimate::NONE, |gain| gain.percent);
        match self.outcome {
            Some(column) => {
                let name = &self.study.outcomes[column];
                vec![
                    pick("n", &|m| m.drawn.n as f64),
                    pick("groups", &|m| m.groups as f64),
                    pick(name, &|m| m.drawn.mean),
                    pick(&format!("{name}_low"), &|m| m.drawn.low),
                    pick(&format!("{name}_high"), &|m| m.drawn.high),
                ]
            }
            None => vec![
                pick("n", &|m| gain(m).n as f64),
                pick("groups", &|m| m.gain.map_or(0, |gain| gain.groups) as f64),
                pick("gain", &|m| gain(m).mean),
                pick("gain_low", &|m| gain(m).low),
                pick("gain_high", &|m| gain(m).high),
                pick("percent", &|m| percent(m).mean),
                pick("percent_low", &|m| percent(m).low),
                pick("percent_high", &|m| percent(m).high),
                pick("percent_n", &|m| percent(m).n as f64),
                pick("percent_groups", &|m| {
                    m.gain.map_or(0, |gain| gain.percent_groups) as f64
                }),
            ],
        }
    }
}

/// A column's unit by its name.
fn unit_of(name: &str) -> Unit {
    match name {
        "attained" => Unit::Share,
        "revenue" | "rebate" => Unit::Money,
        "labor_mean" => Unit::Other("hours/week".into()),
        _ if name.starts_with("income_") => Unit::Money,
        _ => Unit::Other(String::new()),
    }
}

/// Which tax years a column of the summary is of.
fn window(column: &str) -> &'static str {
    match column {
        WELFARE => "Mean over the last third of the tax years",
        "best_welfare" => "Highest value of any tax year",
        "best_year" => "The tax year with the highest welfare",
        "years" | "decisions" | "failures" => "Number in the whole run",
        _ => "Value of the last tax year",
    }
}

/// A column's name for people.
fn in_words(column: &str) -> String {
    match column {
        "attained" => "Share of the attainable gain".into(),
        "income_mean" => "Mean income".into(),
        "labor_mean" => "Mean hours".into(),
        "gini_income" => "Gini of income before tax".into(),
        "gini_disposable" => "Gini of disposable income".into(),
        "revenue" => "Revenue per worker".into(),
        "rebate" => "Rebate per worker".into(),
        "gain_over_us" => "Welfare gain over U.S. law".into(),
        "welfare_last_third" => "Welfare in the last third".into(),
        other => {
            let words = other.replace('_', " ");
            let mut letters = words.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_uppercase().chain(letters).collect()
            })
        }
    }
}

/// The groups of one panel.
struct Part {
    label: String,
    which: Vec<usize>,
}

/// Draws `subject` against key `k` (an index into [`Groups::keys`]).
pub fn draw(subject: &Subject, k: usize, id: &str) -> Result<Result<Draft, String>> {
    let (study, groups) = (subject.study, subject.groups);
    let key = &study.keys[groups.keys[k]];
    let (parts, pooled) = parts(study, groups, k);
    let mut planned = Vec::new();
    for part in &parts {
        let Some(unit) = subject.unit(&part.which) else {
            return Ok(Err(format!(
                "{id}: the other keys vary the objective, so that welfare has no one unit, and not every group has \
                 the arms optimal and a U.S. law to give percent"
            )));
        };
        let bins = bins(groups, k, &part.which, 8);
        if !bins.bins.iter().all(|bin| subject.has_mean(&bin.groups)) {
            return Ok(Err(format!("{id}: {NO_MEAN}")));
        }
        planned.push((part, unit, bins));
    }
    let which = parts.iter().map(|part| &part.which[..]);
    let along = along(groups, &[k], &which.collect::<Vec<_>>());
    let title = format!("{} by {}", subject.title(), key.key);
    let binned = planned.iter().any(|(_, _, bins)| bins.binned);
    let mut caption = subject.explained();
    if pooled > 1 {
        caption += &match along.is_empty() {
            true => format!(
                " Mean over the {pooled} combinations of the other keys, or those of them that have the arms (column \
                 groups of the CSV), seed by seed; the interval is over seeds."
            ),
            false => " Mean over the combinations of the other keys that were played there and have the arms (column \
                      groups of the CSV), seed by seed; the interval is over seeds."
                .into(),
        };
    }
    caption += &varying(study, groups, &along);
    if binned {
        caption += " The values of the key are put into eight bins with equal numbers of values; rings are single \
                    values.";
    }
    caption = format!("{caption} {}", panels::intervals(groups.most_seeds()));
    let subtitle = match groups.most_seeds() {
        0 | 1 => "One seed, no intervals.".to_owned(),
        _ => "Means over seeds, 95 % intervals.".to_owned(),
    };
    let mut sheet = Sheet::new(id);
    let top = sheet.heading(&title, &subtitle);
    let titled = parts.iter().any(|part| !part.label.is_empty());
    let (frames, bottom) = panels::frames(top, parts.len(), titled);
    let mut rows = Table::default();
    let mut present: Vec<usize> = Vec::new();
    for (frame, (part, unit, bins)) in frames.iter().zip(&planned) {
        let mut curves: Vec<Curve> = Vec::new();
        for arm in subject.arms() {
            let mut points = Vec::new();
            for bin in &bins.bins {
                let measured = subject.measure(arm, &bin.groups);
                if measured.drawn.n == 0 {
                    continue;
                }
                rows.push(part, arm, bin.x, &bin.label, measured);
                points.push(Point {
                    x: bin.x,
                    told: format!("{} {}", short_key(study, groups.keys[k]), bin.label),
                    y: measured.drawn,
                });
            }
            if !points.is_empty() {
                present.push(arm);
                curves.push(Curve {
                    name: groups.arms[arm].name.clone(),
                    look: groups.arms[arm].look,
                    points,
                });
            }
        }
        if !bins.numbers {
            curves::spread(&mut curves);
        }
        let flush = panel(&mut sheet, subject, frame, unit, bins, &curves, &key.key)?;
        panels::title(&mut sheet, frame, flush, 30.0, &part.label);
        if bins.binned {
            singles(&mut sheet, subject, frame, &curves, bins, k)?;
        }
    }
    if present.is_empty() {
        return Ok(Err(format!("{id}: no arm has a value to show")));
    }
    present.sort_unstable();
    present.dedup();
    let end = panels::arms_legend(&mut sheet, bottom + 4.0, groups, &present)?;
    Ok(Ok(Draft {
        id: id.into(),
        svg: sheet.finish(end, &title, &caption),
        title,
        caption,
        data: rows.columns(subject, k, pooled > 1),
    }))
}

/// A panel per combination of the other keys where these are few and repeat along the key; else one for
/// all, and how many combinations it holds.
fn parts(study: &Study, groups: &Groups, k: usize) -> (Vec<Part>, usize) {
    let kept: Vec<usize> = (0..groups.keys.len())
        .filter(|&other| other != k && !follows(groups, other, k))
        .collect();
    let others = |g: usize| -> Vec<_> {
        kept.iter()
            .map(|&other| groups.groups[g].values[other].clone())
            .collect()
    };
    let mut combinations: Vec<(Vec<_>, Vec<usize>)> = Vec::new();
    for g in 0..groups.groups.len() {
        let values = others(g);
        match combinations.iter_mut().find(|(known, _)| *known == values) {
            Some((_, which)) => which.push(g),
            None => combinations.push((values, vec![g])),
        }
    }
    let count = combinations.len();
    let repeat = combinations.iter().all(|(_, which)| which.len() > 1);
    if count == 1 || (count <= FEW && repeat) {
        let part = |(_, which): (Vec<_>, Vec<usize>)| {
            let group = &groups.groups[which[0]];
            let named = kept.iter().filter(|_| count > 1);
            let words = named.map(|&other| {
                let name = short_key(study, groups.keys[other]);
                format!("{name} {}", group.values[other].shown())
            });
            Part {
                label: words.collect::<Vec<_>>().join(", "),
                which,
            }
        };
        (combinations.into_iter().map(part).collect(), 1)
    } else {
        let all = Part {
            label: String::new(),
            which: (0..groups.groups.len()).collect(),
        };
        (vec![all], count)
    }
}

/// Why a figure is not drawn.
pub const NO_MEAN: &str = "it would average gains under different objectives, which have no mean; show it by the key \
                           that varies the objective too";

/// The keys beside `shown` that do not take the same values at every place of the `shown` ones, within one of
/// the lists of groups `which`: sampled keys, and those of a `[[list]]`.
pub fn along(groups: &Groups, shown: &[usize], which: &[&[usize]]) -> Vec<usize> {
    let others = (0..groups.keys.len()).filter(|other| !shown.contains(other));
    let varies = |other: &usize| {
        which.iter().any(|which| {
            let mut places: Vec<(Vec<&Level>, Vec<&Level>)> = Vec::new();
            for &g in *which {
                let values = &groups.groups[g].values;
                let place: Vec<&Level> = shown.iter().map(|&k| &values[k]).collect();
                let known = places.iter().position(|(known, _)| *known == place);
                let at = known.unwrap_or_else(|| {
                    places.push((place, Vec::new()));
                    places.len() - 1
                });
                if !places[at].1.contains(&&values[*other]) {
                    places[at].1.push(&values[*other]);
                }
            }
            let first = places.first().map_or(&[][..], |(_, values)| values);
            places.iter().any(|(_, values)| {
                values.len() != first.len() || !values.iter().all(|value| first.contains(value))
            })
        })
    };
    others.filter(varies).collect()
}

/// What captions say of these keys; nothing without any.
pub fn varying(study: &Study, groups: &Groups, along: &[usize]) -> String {
    let names = along
        .iter()
        .map(|&k| study.keys[groups.keys[k]].key.as_str());
    match names.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => names,
        names => format!(
            " Not the effect of what the axes show alone: from place to place {names} differs too (sampled or listed \
             together with it, not crossed)."
        ),
    }
}

/// Whether key `other` has one value for each value of `k`, as where a `[[list]]` varies them together. A key
/// that has one value in all does not follow any.
fn follows(groups: &Groups, other: usize, k: usize) -> bool {
    let mut known: Vec<[&Level; 2]> = Vec::new();
    for group in &groups.groups {
        let pair = [&group.values[k], &group.values[other]];
        match known.iter().find(|[at, _]| *at == pair[0]) {
            Some([_, value]) if *value != pair[1] => return false,
            Some(_) => {}
            None => known.push(pair),
        }
    }
    known.iter().any(|[_, value]| *value != known[0][1])
}

fn panel(
    sheet: &mut Sheet,
    subject: &Subject,
    frame: &super::super::super::sheet::Frame,
    unit: &Unit,
    bins: &Bins,
    curves: &[Curve],
    key: &str,
) -> Result<f64> {
    let (y, _) = around(&curves::estimates(curves));
    let y = if subject.outcome.is_none() {
        Scale::around([y.low, y.high, 0.0], 0.0)
    } else {
        y
    };
    let x = x_scale(bins);
    let panel = Panel {
        frame: *frame,
        x,
        y,
    };
    let wide = frame.right - frame.left;
    let x_axis = if bins.numbers {
        let own: Vec<f64> = bins.bins.iter().map(|bin| bin.x).collect();
        let room = |pair: &[f64]| (x.position(pair[1]) - x.position(pair[0])) * wide >= 34.0;
        if !bins.binned && own.windows(2).all(room) {
            let labels = bins.bins.iter().map(|bin| bin.label.clone()).collect();
            Axis::new(own, labels, key)
        } else {
            Unit::Other(String::new()).axis(&x, (56.0 / wide).clamp(0.08, 0.5), key)
        }
    } else {
        let cell = wide / bins.bins.len() as f64;
        let labels = bins
            .bins
            .iter()
            .map(|bin| fit(&bin.label, 11.5, cell - 6.0));
        let places = (0..bins.bins.len()).map(|i| i as f64);
        Axis::new(places.collect(), labels.collect(), key)
    };
    let title = subject.axis(unit);
    let flush = sheet.axes(&panel, &x_axis, &unit.axis(&y, 0.17, &title))?;
    if subject.outcome.is_none() && y.low < 0.0 && y.high > 0.0 {
        let (_, zero) = panel.place((x.low, 0.0));
        let stroke = Stroke {
            color: SOFT,
            width: 0.9,
            dash: &[3.0, 2.0],
        };
        sheet.rule((frame.left, zero), (frame.right, zero), stroke)?;
    }
    let style = Style {
        markers: if bins.numbers { 2.8 } else { 4.0 },
        joined: bins.numbers,
    };
    curves::draw(sheet, &panel, curves, unit, style)?;
    Ok(flush)
}

/// Logarithmic where the largest value is at least twenty times the least.
fn x_scale(bins: &Bins) -> Scale {
    let (low, high) = bins
        .bins
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), bin| {
            (low.min(bin.x), high.max(bin.x))
        });
    if !bins.numbers {
        return Scale::new(Spacing::Linear, -0.5, bins.bins.len() as f64 - 0.5);
    }
    if low > 0.0 && high / low >= 20.0 {
        Scale::new(Spacing::Logarithmic, low / 1.1, high * 1.1)
    } else {
        Scale::around([low, high], 0.03)
    }
}

/// Rings for the single values of a binned key.
fn singles(
    sheet: &mut Sheet,
    subject: &Subject,
    frame: &super::super::super::sheet::Frame,
    curves: &[Curve],
    bins: &Bins,
    k: usize,
) -> Result<()> {
    let (y, _) = around(&curves::estimates(curves));
    let y = if subject.outcome.is_none() {
        Scale::around([y.low, y.high, 0.0], 0.0)
    } else {
        y
    };
    let panel = Panel {
        frame: *frame,
        x: x_scale(bins),
        y,
    };
    for arm in subject.arms() {
        let mut points = Vec::new();
        for &g in bins.bins.iter().flat_map(|bin| &bin.groups) {
            let x = subject.groups.groups[g].values[k].number();
            let value = subject.measure(arm, &[g]).drawn.mean;
            let inside = |x: &f64| panel.x.low <= *x && *x <= panel.x.high;
            if let Some(x) = x.filter(inside)
                && (y.low..=y.high).contains(&value)
            {
                points.push((x, value));
            }
        }
        let color = subject.groups.arms[arm].look.color;
        sheet.rings(&panel, &points, color, 1.5)?;
    }
    Ok(())
}

/// Rows of the CSV.
#[derive(Default)]
struct Table {
    part: Vec<String>,
    arm: Vec<usize>,
    x: Vec<f64>,
    label: Vec<String>,
    measured: Vec<Measured>,
}

impl Table {
    fn push(&mut self, part: &Part, arm: usize, x: f64, label: &str, measured: Measured) {
        self.part.push(part.label.clone());
        self.arm.push(arm);
        self.x.push(x);
        self.label.push(label.to_owned());
        self.measured.push(measured);
    }

    fn columns(self, subject: &Subject, k: usize, pooled: bool) -> Vec<Column> {
        let groups = subject.groups;
        let key = &subject.study.keys[groups.keys[k]];
        let mut columns = Vec::new();
        if !pooled && self.part.iter().any(|part| !part.is_empty()) {
            columns.push(column("others", self.part));
        }
        columns.push(if key.is_number() {
            column(key.column.as_str(), self.x)
        } else {
            column(key.column.as_str(), self.label)
        });
        let arms = self.arm.iter().map(|arm| groups.arms[*arm].name.clone());
        columns.push(column("arm", arms.collect::<Vec<_>>()));
        columns.extend(subject.columns(&self.measured));
        columns
    }
}

/// Width of the widest of `texts` as tick labels.
pub fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> f64 {
    texts
        .into_iter()
        .map(|text| width(text, 11.5, false))
        .fold(0.0, f64::max)
}
