//! What a question asks for, read off its words, and what a chart shows of it.
//!
//! Matching is by words alone and says so: a question that names nothing that a table has asks for nothing
//! that could be checked.

use super::chart::{Aggregate, Answer, Chart, Drawn, Value};
use super::tables::{Quantity, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Words that say nothing about a quantity.
const EMPTY: &str = "a an and are as at be by did do does for from had has have how in is it its many most much of on \
    or over s show plot draw chart me than that the their them there these they this to under was were what when \
    which who will with year step period value level fraction mean unit objective";

/// Words of economists for words of columns.
const SYNONYMS: &[(&str, &str)] = &[
    ("hour", "labor"),
    ("labour", "labor"),
    ("work", "labor"),
    ("worked", "labor"),
    ("inequality", "gini"),
    ("unequal", "gini"),
    ("earn", "income"),
    ("earned", "income"),
    ("earning", "income"),
    ("pretax", "income"),
    ("after", "disposable"),
    ("net", "disposable"),
    ("posttax", "disposable"),
    ("poor", "poverty"),
    ("progressivity", "kakwani"),
    ("redistribution", "reynolds"),
    ("taxe", "tax"),
];

/// Words that name a statistic of workers, and the ends of the columns that hold it.
const STATISTICS: [(&str, &[&str]); 5] = [
    ("mean", &["mean", "average"]),
    ("median", &["median"]),
    ("sum", &["total", "sum"]),
    ("p10", &["10th"]),
    ("p90", &["90th"]),
];

/// Words of the highest and the lowest mark.
const EXTREMES: [(&str, &[&str]); 2] = [
    (
        "highest",
        &[
            "highest", "most", "largest", "greatest", "maximum", "max", "best", "peak",
        ],
    ),
    (
        "lowest",
        &[
            "lowest", "least", "smallest", "minimum", "min", "fewest", "worst",
        ],
    ),
];

/// Words in lower case, letters apart from digits, without a plural's `s`.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let raw = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty());
    raw.flat_map(|word| {
        let digits = word.starts_with(|c: char| c.is_ascii_digit());
        let cut = word.find(|c: char| c.is_ascii_digit()).filter(|_| !digits);
        let (head, tail) = word.split_at(cut.unwrap_or(word.len()));
        let singular = match head.strip_suffix('s') {
            Some(one) if one.len() > 2 && !one.ends_with(['s', 'i', 'u']) => one,
            _ => head,
        };
        [singular.to_owned(), tail.to_owned()]
    })
    .filter(|word| !word.is_empty())
    .collect()
}

/// What a column measures and the statistic of it that its name ends with.
fn parts(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('_') {
        Some((base, end @ ("mean" | "median" | "p10" | "p90" | "p99" | "min"))) => {
            (base, Some(end))
        }
        _ => (name, None),
    }
}

/// What a question asks for. Each demand is one word, such as `quantity`, `when:last`, `axis:arm`.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What would answer it.
    pub demands: BTreeSet<String>,
    /// The quantities that fit its words best, all equally.
    pub quantities: BTreeSet<String>,
    /// Labels that it names, by column.
    named: BTreeMap<String, BTreeSet<String>>,
}

impl Question {
    /// Reads `text`, which may name the columns and labels of `tables`.
    pub fn read(text: &str, tables: &[Table]) -> Question {
        let lower = format!(" {} ", text.to_lowercase());
        let mut demands = BTreeSet::from(["varies".to_owned()]);
        let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut rest = lower.clone();
        let labels = tables.iter().flat_map(|t| &t.labels);
        let mut known: Vec<(&str, &String)> = labels
            .flat_map(|(column, values)| values.iter().map(move |v| (*column, v)))
            .collect();
        known.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        for (column, value) in known {
            let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
            let value_lower = value.to_lowercase();
            let found = rest.match_indices(&value_lower).find(|(at, _)| {
                let end = at + value_lower.len();
                !rest[..*at].ends_with(inside) && !rest[end..].starts_with(inside)
            });
            if let Some((at, _)) = found {
                rest.replace_range(at..at + value_lower.len(), &" ".repeat(value_lower.len()));
                named
                    .entry(column.to_owned())
                    .or_default()
                    .insert(value.clone());
            }
        }
        let mut used = BTreeSet::new();
        let tokens = words(&rest);
        let said = |word: &str| tokens.iter().any(|t| t == word);
        let before = |i: usize| i.checked_sub(1).map_or("", |i| tokens[i].as_str());
        const ASIDE: [&str; 8] = [
            "which", "what", "each", "by", "per", "every", "across", "between",
        ];
        for (i, token) in tokens.iter().enumerate() {
            let spread = ASIDE.contains(&before(i));
            let many = format!("{token}s");
            let plural = rest
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == many);
            match token.as_str() {
                "planner" | "arm" if spread || plural => demands.insert("axis:arm".into()),
                "group" if spread || plural => demands.insert("axis:group".into()),
                // "$/year" is a unit; "by year", "each year" an axis.
                "year" | "step" | "period" if spread || (plural && before(i) == "the") => {
                    demands.insert("axis:time".into())
                }
                "time" | "evolve" | "develop" | "trend" | "path" => {
                    used.insert(token.clone());
                    demands.insert("axis:time".into())
                }
                "last" | "final" | "end" => {
                    used.insert(token.clone());
                    demands.insert("when:last".into())
                }
                "first" | "start" | "beginning" => {
                    used.insert(token.clone());
                    demands.insert("when:first".into())
                }
                number
                    if matches!(before(i), "year" | "step" | "period")
                        && number.parse::<f64>().is_ok() =>
                {
                    used.insert(token.clone());
                    demands.insert(format!("when:{number}"))
                }
                _ => false,
            };
            for (kind, all) in [("statistic", &STATISTICS[..]), ("extreme", &EXTREMES[..])] {
                let of = all
                    .iter()
                    .find(|(_, names)| names.contains(&token.as_str()));
                // "the most" is an extreme, "most people" is not.
                let counts = token != "most" || before(i) == "the";
                if let Some((name, _)) = of.filter(|_| counts) {
                    used.insert(token.clone());
                    demands.insert(format!("{kind}:{name}"));
                }
            }
        }
        for (column, values) in &named {
            match values.len() {
                1 => demands.insert(format!("only:{column}")),
                _ => demands.insert(format!("axis:{column}")),
            };
        }
        let empty: BTreeSet<&str> = EMPTY.split_whitespace().collect();
        let aside = ["planner", "arm", "group", "worker", "people", "compare"];
        let mut content: BTreeSet<String> = tokens
            .iter()
            .filter(|t| {
                !empty.contains(t.as_str()) && !used.contains(*t) && !aside.contains(&t.as_str())
            })
            .cloned()
            .collect();
        for (theirs, ours) in SYNONYMS {
            if said(theirs) {
                content.remove(*theirs);
                content.insert((*ours).to_owned());
            }
        }
        let quantities = best_quantities(&content, tables);
        if !quantities.is_empty() {
            demands.insert("quantity".into());
        }
        Question {
            demands,
            quantities,
            named,
        }
    }

    /// What `chart` commits itself to: demands that it meets, and whatever else it does that the question
    /// did not ask for and that changes the answer.
    pub fn shown(&self, chart: &Chart, drawn: &Drawn, tables: &[Table]) -> BTreeSet<String> {
        let mut shown = BTreeSet::new();
        let table = tables.iter().find(|t| t.name == chart.table);
        let time = table.map_or("", |t| t.time.0);
        let (base, end) = parts(&chart.y);
        shown.insert(match self.quantities.contains(base) {
            true => "quantity".into(),
            false => format!("quantity:{base}"),
        });
        let over_rows = match chart.aggregate {
            Aggregate::Mean => "mean",
            Aggregate::Median => "median",
            Aggregate::Sum => "sum",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
        };
        let pooled = drawn.pooled > 1;
        match end {
            Some(end) => shown.insert(format!("statistic:{end}")),
            None if chart.table == "workers" && pooled => {
                shown.insert(format!("statistic:{over_rows}"))
            }
            None => false,
        };
        // Of rows that hold statistics already, anything but their mean is a choice of its own.
        if pooled && over_rows != "mean" && (end.is_some() || chart.table != "workers") {
            shown.insert(format!("over:{over_rows}"));
        }
        for (from, to) in [("max", "highest"), ("min", "lowest")] {
            let asked = self.demands.contains(&format!("extreme:{to}"));
            for of in ["statistic", "over"] {
                if asked && shown.remove(&format!("{of}:{from}")) {
                    shown.insert(format!("extreme:{to}"));
                }
            }
        }
        // A mean is what a question means that names no statistic.
        let names_statistic = self.demands.iter().any(|d| d.starts_with("statistic:"));
        if !names_statistic {
            shown.remove("statistic:mean");
        }
        let by_end = match chart.answer {
            Answer::Highest => Some("extreme:highest"),
            Answer::Lowest => Some("extreme:lowest"),
            Answer::First if chart.x == time => Some("when:first"),
            Answer::Last if chart.x == time => Some("when:last"),
            Answer::First | Answer::Last => Some("place"),
            Answer::All => None,
        };
        shown.extend(by_end.map(str::to_owned));
        for condition in &chart.conditions {
            let value = match &condition.is {
                Value::Time(time) => time.to_string(),
                Value::Label(label) => label.clone(),
            };
            let named = self.named.get(&condition.column);
            shown.insert(if condition.column == time {
                format!("when:{}", end_of(table, &value, &self.demands))
            } else if named.is_some_and(|values| values.len() == 1 && values.contains(&value)) {
                format!("only:{}", condition.column)
            } else {
                format!("only:{}={value}", condition.column)
            });
        }
        let only: BTreeSet<&str> = chart.conditions.iter().map(|c| c.column.as_str()).collect();
        for axis in [Some(chart.x.as_str()), chart.group.as_deref()]
            .into_iter()
            .flatten()
        {
            let name = if axis == time { "time" } else { axis };
            // An axis on which one place is left, or of which one end answers, splits nothing.
            let one_end = axis == time && matches!(chart.answer, Answer::First | Answer::Last);
            let split = !(only.contains(axis) || one_end)
                && table.is_none_or(|t| t.label(axis).is_none_or(|values| values.len() > 1));
            if split {
                shown.insert(format!("axis:{name}"));
            }
        }
        let several = table
            .and_then(|t| t.label("arm"))
            .is_some_and(|arms| arms.len() > 1);
        let apart =
            chart.x == "arm" || chart.group.as_deref() == Some("arm") || only.contains("arm");
        if several && !apart {
            shown.insert("planners thrown together".into());
        }
        if self.varies(chart, drawn) {
            shown.insert("varies".into());
        }
        shown
    }

    /// Whether several marks differ; for the highest or lowest, whether one mark alone is it.
    fn varies(&self, chart: &Chart, drawn: &Drawn) -> bool {
        let mut ys = drawn.marks().map(|(_, _, y)| y);
        let first = ys.next();
        let all_equal = ys.all(|y| Some(y) == first);
        match chart.answer {
            Answer::Highest | Answer::Lowest => chart.answering(drawn).len() == 1,
            _ => drawn.marks().count() == 1 || !all_equal,
        }
    }
}

/// The time `value` as the question names it: a number that is the last is `last` where that was asked.
fn end_of(table: Option<&Table>, value: &str, demands: &BTreeSet<String>) -> String {
    let times = table.map_or(&[][..], |t| &t.time.1);
    let is = |end: Option<&f64>| end.is_some_and(|t| t.to_string() == value);
    for (name, end) in [("last", times.last()), ("first", times.first())] {
        if demands.contains(&format!("when:{name}")) && is(end) {
            return name.into();
        }
        if value == name
            && let Some(end) = end.filter(|t| demands.contains(&format!("when:{t}")))
        {
            return end.to_string();
        }
    }
    value.to_owned()
}

/// What the words of a question name: Σ over its words w of idf(w)·(2 in the name, 1 in meaning or unit),
/// times ½ + ½·(share of the name's words that it has); all bases with the most, none at 0.
fn best_quantities(content: &BTreeSet<String>, tables: &[Table]) -> BTreeSet<String> {
    let mut bases: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for Quantity {
        name,
        unit,
        meaning,
    } in tables.iter().flat_map(|t| &t.quantities)
    {
        let base = parts(name).0;
        let entry = bases.entry(base.to_owned()).or_default();
        entry.0.extend(words(base));
        entry
            .1
            .extend(words(meaning).into_iter().chain(words(unit)));
    }
    let count = bases.len() as f64;
    let holds = |word: &str| {
        let with = bases
            .values()
            .filter(|(name, more)| name.contains(word) || more.contains(word));
        with.count() as f64
    };
    let rarity: BTreeMap<&String, f64> = content
        .iter()
        .map(|word| (word, (1.0 + count / holds(word).max(1.0)).ln()))
        .collect();
    let score = |(name, more): &(BTreeSet<String>, BTreeSet<String>)| {
        let of = |word: &String| match (name.contains(word), more.contains(word)) {
            (true, _) => 2.0,
            (false, true) => 1.0,
            _ => 0.0,
        };
        let sum: f64 = rarity.iter().map(|(word, idf)| idf * of(word)).sum();
        let covered = name.intersection(content).count() as f64 / name.len().max(1) as f64;
        sum * (0.5 + 0.5 * covered)
    };
    let scores: Vec<(&String, f64)> = bases
        .iter()
        .map(|(base, terms)| (base, score(terms)))
        .collect();
    let most = scores.iter().map(|(_, s)| *s).fold(0.0, f64::max);
    let best = scores
        .into_iter()
        .filter(|(_, s)| *s > 0.0 && *s >= most * (1.0 - 1e-9));
    best.map(|(base, _)| base.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_is_one_before_any_mark() {
        let time = |text| Question::read(text, &[]).demands.contains("axis:time");
        for text in [
            "How does welfare go over the years?",
            "Show welfare over the years, by planner",
            "Over the years what becomes of hours?",
            "Hours by year",
        ] {
            assert!(time(text), "{text}");
        }
        // A unit, and a word that begins alike.
        assert!(!time("Welfare in $ a year?"));
        assert!(!time("Is the year yearsome?"));
    }
}
