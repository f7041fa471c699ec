//! The table of all keys of a sweep file, and the reference page from it.

use crate::error::{Error, Place, Result};
use crate::scenario::node::{Entry, Node, Value as Content, below};
use crate::scenario::set::holds;

/// A key of a sweep file.
#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    /// What is allowed, in words.
    pub allowed: &'static str,
    /// What its absence means, in words.
    pub default: &'static str,
    /// What it is and what follows from it, in a sentence or two.
    pub doc: &'static str,
    /// Lines as they stand in a file.
    pub example: &'static str,
}

const fn key(
    name: &'static str,
    allowed: &'static str,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        allowed,
        default,
        doc,
        example,
    }
}

/// The keys at the top of a sweep file.
pub(super) const TOP: &[Key] = &[
    key(
        "name",
        "1 to 64 letters (a–z, A–Z), digits, `-`, `_` or `.`, of which the first is a letter or digit",
        "the file's name without `.toml`",
        "name = \"planners\"",
        "What the sweep is called. Results go to `outputs/<name>/`.",
    ),
    key(
        "base",
        "a scenario file, relative to this file",
        "must be given",
        "base = \"../scenarios/rational.toml\"",
        "The scenario that every run starts from. It must be right by itself. Paths that the sweep gives to its keys are relative to the scenario, as with `--set`.",
    ),
    key(
        "seeds",
        "how many, 1 to 100000; or a list of different whole numbers, 0 to 9007199254740991",
        "the base scenario's own seed",
        "seeds = 10",
        "Seeds at which each point is run: the same ones at every point, so that points are compared seed by seed. So many are drawn from `root`; a longer row of seeds begins with the shorter one. Seeds are below 2^53, so that no program rounds them.",
    ),
    key(
        "root",
        "a whole number, 0 to 9223372036854775807",
        "`42`",
        "root = 42",
        "What the seeds are drawn from, where `seeds` says how many.",
    ),
    key(
        "on_error",
        "\"continue\" or \"stop\"",
        "`\"continue\"`",
        "on_error = \"stop\"",
        "What a failed run leads to: the others go on and the failure is recorded, or no further run begins.",
    ),
    key(
        "csv",
        "true or false",
        "`false`",
        "csv = true",
        "Whether the tables are written as CSV too.",
    ),
    key(
        "set",
        "keys of the scenario, each with a value",
        "nothing",
        "[set]\npopulation.size = 1000\nrecord.workers_every = 0",
        "Changes of the base scenario that hold for all runs.",
    ),
    key(
        "grid",
        "keys of the scenario, each with a list of different values",
        "nothing",
        "[grid]\nplanner.kind = [\"none\", \"optimal\", { flat = { rate = 0.3 } }]\nobjective.welfare = [\"utilitarian\", \"rawlsian\"]",
        "Values of which all combinations are run. The first key varies slowest.",
    ),
    key(
        "list",
        "one or more tables that all set the same keys of the scenario",
        "nothing",
        "[[list]]\neconomy.labor_exponent = 2.0\neconomy.labor_cost = 0.001\n\n[[list]]\neconomy.labor_exponent = 4.0\neconomy.labor_cost = 0.0001",
        "Combinations of values that are run as they stand.",
    ),
    key(
        "sample",
        "a table with the keys method, points, seed, shift, ranges",
        "nothing",
        "[sample]\npoints = 64\n[sample.ranges]\neconomy.labor_exponent = { low = 2.0, high = 6.0 }",
        "Combinations of values that are drawn from ranges or read from a table.",
    ),
    key(
        "exclude",
        "one or more tables with keys that the sweep varies",
        "nothing",
        "[[exclude]]\nplanner.kind = \"none\"\nobjective.welfare = [\"rawlsian\", \"utilitarian\"]",
        "Leaves out the points that match all keys of one of these tables. A list means any of its values.",
    ),
    key(
        "subset",
        "one or more tables with keys that the sweep varies",
        "nothing",
        "[[subset]]\nobjective.welfare = \"rawlsian\"",
        "Keeps only the points that match all keys of one of these tables. A list means any of its values.",
    ),
];

/// The keys of `[sample]`.
pub(super) const SAMPLE: &[Key] = &[
    key(
        "method",
        "\"latin-hypercube\", \"sobol\", { file = { path = \"points.csv\" } }",
        "`\"latin-hypercube\"`",
        "method = \"sobol\"",
        "How points are found. A Latin hypercube has one point in each of as many strata of every range as there are points. The Sobol sequence (up to 50 ranges) fills the ranges evenly together; its points are best taken in powers of two. A file is a table in CSV, relative to this file: its header names keys of the scenario, each row is a point.",
    ),
    key(
        "points",
        "a whole number, 1 to 100000",
        "must be given, except with a file",
        "points = 64",
        "Number of points.",
    ),
    key(
        "seed",
        "a whole number, 0 to 9223372036854775807",
        "`1`",
        "seed = 7",
        "Seed of the Latin hypercube, or of the shift of the Sobol sequence. It has nothing to do with the seeds of runs.",
    ),
    key(
        "shift",
        "true or false",
        "`true`",
        "shift = false",
        "Whether the Sobol sequence is shifted at random (digit by digit, by `seed`), which keeps it as even as it is and off the ends of the ranges. Unshifted, its first point is the low end of every range.",
    ),
    key(
        "ranges",
        "keys of the scenario, each with a range such as { low = 2.0, high = 6.0 }",
        "must be given, except with a file",
        "[sample.ranges]\neconomy.labor_cost = { low = 1e-4, high = 1e-2, scale = \"log\" }\npopulation.size = { low = 100, high = 1000, whole = true }",
        "What is drawn from. Other keys may stand under `[grid]` and `[[list]]` as ever: each point of the sample meets each of theirs.",
    ),
];

/// The keys of a range.
pub(super) const RANGE: &[Key] = &[
    key(
        "low",
        "a finite number below `high`",
        "must be given",
        "low = 2.0",
        "Low end.",
    ),
    key(
        "high",
        "a finite number above `low`",
        "must be given",
        "high = 6.0",
        "High end.",
    ),
    key(
        "scale",
        "\"linear\" or \"log\"",
        "`\"linear\"`",
        "scale = \"log\"",
        "Whether equal differences or equal ratios have equal weight; `low` must be above 0 for a logarithmic range.",
    ),
    key(
        "whole",
        "true or false",
        "`false`",
        "whole = true",
        "Whether only whole numbers are meant, both ends among them.",
    ),
];

/// The keys of the table behind `file` in `method`.
pub(super) const POINTS_FILE: &[Key] = &[key(
    "path",
    "a CSV file, relative to this file",
    "must be given",
    "path = \"points.csv\"",
    "Table of points.",
)];

/// What is allowed for a key of the table, in words.
pub(super) fn allowed(keys: &'static [Key], name: &str) -> &'static str {
    keys.iter()
        .find(|key| key.name == name)
        .map_or("", |key| key.allowed)
}

/// The entries of a table, of which each must be one of `keys`.
///
/// # Errors
/// Another type, an unknown key.
pub(super) fn entries<'a>(node: &'a Node, keys: &'static [Key]) -> Result<&'a [Entry]> {
    let names = || keys.iter().map(|key| key.name);
    let in_words = names().collect::<Vec<_>>().join(", ");
    let Content::Table(entries) = &node.value else {
        return Err(node
            .error("wrong type")
            .allowed(format!("a table with the keys {in_words}")));
    };
    for entry in entries {
        if names().any(|name| name == entry.name) {
            continue;
        }
        let error = Error::input("unknown key")
            .at(entry.place.clone())
            .value(&entry.name);
        let is_of_scenario = holds(&entry.place, &entry.name).is_ok();
        let at_top = node.place.key.is_empty();
        return Err(if at_top && entry.name == "seed" {
            error
                .allowed("`seeds`: how many, or a list such as [3]")
                .suggest("seeds", ["seeds"])
        } else if is_of_scenario && at_top {
            error.allowed(format!(
                "{in_words}; a key of the scenario stands under [set], [grid] or [[list]]"
            ))
        } else {
            error.allowed(in_words).suggest(&entry.name, names())
        });
    }
    Ok(entries)
}

/// The value of a key that must be given.
///
/// # Errors
/// It is not there.
pub(super) fn required<'a>(
    node: &'a Node,
    keys: &'static [Key],
    name: &'static str,
) -> Result<&'a Node> {
    node.get(name).ok_or_else(|| {
        Error::input("this key must be given")
            .at(Place {
                key: below(&node.place.key, name),
                // What the whole file lacks, it lacks from its start.
                line: node.place.line.max(1),
                column: node.place.column.max(1),
                file: node.place.file.clone(),
            })
            .value("nothing")
            .allowed(allowed(keys, name))
    })
}

const OPENING: &str = "\
# The sweep file

Generated by `fisc docs sweep`; do not edit.

A sweep plays one scenario many times with other values of its keys. The file is TOML. What varies \
stands under `[grid]`, `[[list]]` and `[sample]`: a *point* is one combination of values of each, \
and each point is played at each seed. So a grid of 4 × 5 values, no list, no sample and 10 seeds \
make 200 runs; at most 100 000 are allowed.

```toml
base = \"../rational.toml\"
seeds = 10
[set]
record.workers_every = 0
[grid]
planner.kind = [\"none\", \"optimal\", { flat = { rate = 0.3 } }]
objective.welfare = [\"utilitarian\", \"rawlsian\"]
[[exclude]]
planner.kind = \"none\"
objective.welfare = \"utilitarian\"
```

Keys of the scenario are those of [scenario.md](scenario.md), written with dots, with or without \
quotes around them, or as tables (`[grid.planner]` and `kind = …` below it). Items of lists go by \
number from 0 (`workers.0.decide`), and so do single rates (`taxes.initial.0`) where the base \
scenario has a list of them. No key may be given twice, and none that is part of another's value \
(`planner.kind` and `planner.kind.flat.rate`); only `[set]` may give a value of which a part then \
varies. `seed` and `name` cannot vary: seeds are those of `seeds`.

The base and every point are checked before anything runs, as `fisc check` would. Two values that \
mean the same (1 and 1.0), or two points that come to the same scenario, are an error.
";

/// `docs/sweep-file.md`: every key of a sweep file with what is allowed, default, meaning and an example.
pub fn reference() -> String {
    let mut page = OPENING.to_owned();
    for (title, prefix, keys) in [
        ("## At the top", "", TOP),
        ("## `[sample]`", "sample.", SAMPLE),
        ("## A range", "", RANGE),
    ] {
        page.push_str(&format!("\n{title}\n"));
        for key in keys {
            let header = match prefix {
                "sample." if !key.example.starts_with('[') => "[sample]\n",
                _ => "",
            };
            page.push_str(&format!(
                "\n### `{prefix}{}`\n\n{}\n\nAllowed: {}. Default: {}.\n",
                key.name, key.doc, key.allowed, key.default
            ));
            if title != "## A range" {
                page.push_str(&format!("\n```toml\n{header}{}\n```\n", key.example));
            }
        }
    }
    page
}
