//! `program`: reward code written by a person or a language model, which is not trusted.
//!
//! A program is a text in Rhai, a small scripting language, that reads the table `outcome` and ends
//! with a number, the reward:
//!
//! ```
//! use fisc::rewards::program::{OutcomeTable, Program};
//!
//! let program = Program::new("equal-chances", r"
//!     let poorest = outcome.disposable[0];
//!     let mean = mean(outcome.disposable);
//!     if poorest < 0.25 * mean { poorest - mean } else { mean }
//! ")?;
//! let table = OutcomeTable::new(&[("revenue", 5e3)], &[("disposable", &[8e3, 4e4])]);
//! assert_eq!(program.value(&table)?, 24e3);
//! # Ok::<(), fisc::Error>(())
//! ```
//!
//! | in `outcome` | what |
//! |---|---|
//! | every name of [`outcome_names`], `rebate`, `utility_mean`, `utility_min` | numbers |
//! | `wage`, `labor`, `income`, `tax`, `disposable`, `effort`, `utility` | means of tenths of workers by wage, poorest first: ten numbers each |
//! | `rates`, `edges` | of the schedule, as fractions and in $/year |
//!
//! Besides the language's operators, `if`, loops, arrays, maps and own functions there are the usual
//! mathematical functions (`abs`, `sqrt`, `exp`, `ln`, `log`, `min`, `max`, `floor`, …) and, of
//! arrays, `len`, `sum`, `mean`, `smallest` and `largest`. All numbers of the table are decimal
//! fractions; between whole numbers `/` drops the remainder, so write `1.0 / 2.0`.
//!
//! There is no file, network, clock, random number, printing, module, evaluation of text or pointer
//! to a function. Functions see their arguments alone: hand them `outcome`. A program that goes beyond a
//! limit is stopped with an error that names it, the line (inside a function, that of the call) and
//! the limit:
//!
//! | limit | most |
//! |---|---|
//! | text | [`TEXT_MAX`] bytes |
//! | operations of one evaluation | [`OPERATIONS_MAX`] |
//! | calls within calls | [`CALLS_MAX`] |
//! | expressions within expressions | [`DEPTH_MAX`] |
//! | a string | [`STRING_MAX`] bytes |
//! | an array with all that is in it | [`ARRAY_MAX`] elements |
//! | a map with all that is in it | [`MAP_MAX`] entries |
//! | variables at once, in one function | [`VARIABLES_MAX`] |
//! | functions | [`FUNCTIONS_MAX`] |
//! | memory, by what follows from these | [`MEMORY_MAX`] bytes |
//! | operations of all evaluations of one search | [`SEARCH_OPERATIONS_MAX`] |

pub mod refine;

use super::outcome::{Situation, outcome_features, outcome_names};
use super::standards::OUTSIDE;
use super::{Judged, Reward};
use crate::error::{Error, Place, Result};
use crate::fiscal::inequality;
use rhai::packages::{
    ArithmeticPackage, BasicIteratorPackage, BasicMathPackage, LogicPackage, Package,
};
use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, Map, Position, Scope};
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

/// Bytes of a program's text.
pub const TEXT_MAX: usize = 8192;
/// Operations of one evaluation.
pub const OPERATIONS_MAX: u64 = 100_000;
/// Operations of all evaluations as a reward of one copy of a program, which is what a planner's search
/// makes for itself. Operations and not seconds, so that a run ends the same way on every machine.
pub const SEARCH_OPERATIONS_MAX: u64 = 20_000_000;
/// Calls within calls.
pub const CALLS_MAX: usize = 8;
/// Expressions within expressions.
pub const DEPTH_MAX: usize = 32;
/// Bytes of a string.
pub const STRING_MAX: usize = 1024;
/// Elements of an array and of all arrays in it.
pub const ARRAY_MAX: usize = 256;
/// Entries of a map and of all maps in it.
pub const MAP_MAX: usize = 64;
/// Variables at once in one function.
pub const VARIABLES_MAX: usize = 64;
/// Functions of a program.
pub const FUNCTIONS_MAX: usize = 32;
/// Bytes that compiling and evaluating a program take at most. The largest value, [`MAP_MAX`] maps and
/// [`ARRAY_MAX`] arrays within each other, takes about 60 KiB; a program has [`VARIABLES_MAX`] of them
/// in each of [`CALLS_MAX`] + 1 functions and, as arguments of a call, as many more as fit into its
/// text by name.
pub const MEMORY_MAX: usize = 256 << 20;

/// Words that could reach outside, hide work from the limits, or fill the screen.
const FORBIDDEN: [&str; 12] = [
    "eval",
    "import",
    "export",
    "print",
    "debug",
    "Fn",
    "call",
    "curry",
    "type_of",
    "is_def_fn",
    "is_def_var",
    "is_shared",
];

static ENGINE: LazyLock<Engine> = LazyLock::new(engine);

thread_local! {
    /// Operations of this thread's present evaluation.
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
    /// Whether programs that this thread evaluates give their error in place of [`Program::failed`].
    static STRICT: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`, on this thread, with programs whose failure is an error whatever [`Program::failed`] says,
/// wherever in a reward they stand: to learn why a reward is worth so little.
pub fn strictly<T>(work: impl FnOnce() -> T) -> T {
    let before = STRICT.replace(true);
    let done = work();
    STRICT.set(before);
    done
}

fn engine() -> Engine {
    // Nothing but what is added here.
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    for word in FORBIDDEN {
        engine.disable_symbol(word);
    }
    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(CALLS_MAX)
        .set_max_expr_depths(DEPTH_MAX, DEPTH_MAX)
        .set_max_string_size(STRING_MAX)
        .set_max_array_size(ARRAY_MAX)
        .set_max_map_size(MAP_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX)
        .set_max_strings_interned(64);
    engine
        .set_allow_anonymous_fn(false)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true);
    engine.on_progress(|operations| {
        OPERATIONS.set(operations);
        None
    });
    engine.register_fn("len", |array: Array| array.len() as i64);
    engine.register_fn("sum", |array: Array| {
        numbers(&array).map(|x| x.iter().sum::<f64>())
    });
    engine.register_fn("mean", |array: Array| {
        filled(&array).map(|x| x.iter().sum::<f64>() / x.len() as f64)
    });
    engine.register_fn("smallest", |array: Array| {
        filled(&array).map(|x| x.iter().copied().fold(f64::INFINITY, f64::min))
    });
    engine.register_fn("largest", |array: Array| {
        filled(&array).map(|x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    });
    engine
}

type Calculated<T> = std::result::Result<T, Box<EvalAltResult>>;

fn numbers(array: &Array) -> Calculated<Vec<f64>> {
    let all = array
        .iter()
        .map(|x| number(x).ok_or("an array of numbers is asked for".into()));
    all.collect()
}

fn filled(array: &Array) -> Calculated<Vec<f64>> {
    match array.is_empty() {
        true => Err("an array with at least one number is asked for".into()),
        false => numbers(array),
    }
}

fn number(value: &Dynamic) -> Option<f64> {
    let whole = || value.as_int().ok().map(|x| x as f64);
    value.as_float().ok().or_else(whole)
}

/// What programs see of an outcome: named numbers, and named rows of numbers.
#[derive(Clone, Debug, Default)]
pub struct OutcomeTable {
    map: Map,
}

impl OutcomeTable {
    /// From numbers and rows by name. Rows beyond [`ARRAY_MAX`] elements in all are cut off: those
    /// of more than 90 brackets.
    pub fn new(values: &[(&str, f64)], rows: &[(&str, &[f64])]) -> Self {
        let mut map = Map::new();
        for (name, value) in values {
            map.insert((*name).into(), Dynamic::from_float(*value));
        }
        let mut room = ARRAY_MAX;
        for (name, row) in rows {
            let kept = &row[..row.len().min(room)];
            room -= kept.len();
            let row: Array = kept.iter().map(|&x| Dynamic::from_float(x)).collect();
            map.insert((*name).into(), Dynamic::from_array(row));
        }
        OutcomeTable { map }
    }

    /// Of a situation, as the table at the head of this module says.
    pub fn of(situation: &Situation) -> Self {
        let effort: Vec<f64> = (situation.labor.iter())
            .map(|&l| situation.economy.disutility(l))
            .collect();
        let by_worker: [(&str, &[f64]); 7] = [
            ("wage", situation.wage),
            ("labor", situation.labor),
            ("income", situation.income),
            ("tax", situation.tax),
            ("disposable", situation.disposable),
            ("effort", &effort),
            ("utility", situation.utility),
        ];
        let order = inequality::ascending_order(situation.wage);
        let tenths: Vec<(&str, Vec<f64>)> = (by_worker.iter())
            .map(|(name, of)| (*name, tenths(&order, of)))
            .collect();
        let mut rows: Vec<(&str, &[f64])> = tenths.iter().map(|(n, t)| (*n, &t[..])).collect();
        rows.push(("rates", situation.schedule.rates()));
        rows.push(("edges", situation.schedule.edges()));
        let names = outcome_names();
        let features = outcome_features(situation);
        let mut values: Vec<(&str, f64)> =
            (names.iter().map(String::as_str)).zip(features).collect();
        let utility = situation.utility;
        let lowest = utility.iter().copied().fold(f64::INFINITY, f64::min);
        values.extend([
            ("rebate", situation.rebate),
            ("utility_mean", inequality::mean(utility)),
            ("utility_min", lowest),
        ]);
        OutcomeTable::new(&values, &rows)
    }

    /// A number by name.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.map.get(name).and_then(number)
    }
}

/// Means of tenths of workers, with the bounds of [`outcome_features`].
fn tenths(order: &[u32], of: &[f64]) -> Vec<f64> {
    let n = order.len();
    (0..10)
        .map(|k| {
            let from = (k * n / 10).min(n - 1);
            let to = ((k + 1) * n / 10).max(from + 1);
            let sum: f64 = order[from..to].iter().map(|&i| of[i as usize]).sum();
            sum / (to - from) as f64
        })
        .collect()
}

/// A compiled program.
pub struct Program {
    /// As errors and the record call it.
    pub name: String,
    /// What a situation is worth under which the program fails; the record then has 1 as its part
    /// `failed`. `None` stops the run with the program's error.
    pub failed: Option<f64>,
    text: Arc<str>,
    code: Arc<AST>,
    /// Operations of its evaluations as a reward.
    spent: AtomicU64,
}

/// A copy has all its operations before it.
impl Clone for Program {
    fn clone(&self) -> Self {
        Program {
            name: self.name.clone(),
            failed: self.failed,
            text: self.text.clone(),
            code: self.code.clone(),
            spent: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Program");
        fields
            .field("name", &self.name)
            .field("failed", &self.failed);
        fields.field("text", &self.text).finish_non_exhaustive()
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.failed, &self.text) == (&other.name, other.failed, &other.text)
    }
}

impl Program {
    /// Compiles a text. Where it fails later, a situation is worth [`OUTSIDE`].
    ///
    /// # Errors
    /// A text that is too long or no program, with the line.
    pub fn new(name: &str, text: &str) -> Result<Self> {
        if text.len() > TEXT_MAX {
            return Err(Error::input(format!("program `{name}` is too long"))
                .value(format!("{} bytes", text.len()))
                .allowed(format!("at most {TEXT_MAX}")));
        }
        let mut known = Scope::new();
        known.push_constant("outcome", Map::new());
        let compiled = guarded(name, || ENGINE.compile_with_scope(&known, text))?;
        let code = compiled.map_err(|error| {
            let place = place(name, error.position());
            let message = error.err_type().to_string();
            Error::input(format!("not a program: {message}")).at(place)
        })?;
        Ok(Program {
            name: name.to_owned(),
            failed: Some(OUTSIDE),
            text: text.into(),
            code: Arc::new(code),
            spent: AtomicU64::new(0),
        })
    }

    /// The text that it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The reward of an outcome.
    ///
    /// # Errors
    /// A program that fails, goes beyond a limit, or does not end with a finite number: with its
    /// name, the line, and the limit.
    pub fn value(&self, outcome: &OutcomeTable) -> Result<f64> {
        let mut scope = Scope::new();
        scope.push_constant("outcome", outcome.map.clone());
        OPERATIONS.set(0);
        let end = guarded(&self.name, || {
            ENGINE.eval_ast_with_scope::<Dynamic>(&mut scope, &self.code)
        })?;
        let end = end.map_err(|error| self.stopped(&error))?;
        let Some(value) = number(&end) else {
            return Err(Error::run(format!(
                "program `{}` does not end with a number",
                self.name
            ))
            .value(end.type_name())
            .allowed("a number as its last expression"));
        };
        if !value.is_finite() {
            return Err(Error::run(format!(
                "program `{}` ends with no finite number",
                self.name
            ))
            .value(value)
            .allowed("a finite number"));
        }
        Ok(value)
    }

    fn within(&self, spent: u64) -> Result<()> {
        match spent <= SEARCH_OPERATIONS_MAX {
            true => Ok(()),
            false => Err(Error::run(format!(
                "program `{}` has used up what all evaluations of one search may take",
                self.name
            ))
            .value(format!("more than {SEARCH_OPERATIONS_MAX} operations"))
            .allowed(format!("at most {SEARCH_OPERATIONS_MAX} operations"))),
        }
    }

    fn stopped(&self, error: &EvalAltResult) -> Error {
        // The message without the position, which the place gives; cut, for a program can throw
        // what it likes.
        let place = place(&self.name, innermost(error).position());
        let mut bare = innermost(error).clone_message();
        bare.truncate(
            bare.char_indices()
                .nth(200)
                .map_or(bare.len(), |(at, _)| at),
        );
        let allowed = match innermost(error) {
            EvalAltResult::ErrorTooManyOperations(..) => {
                Some(format!("at most {OPERATIONS_MAX} operations"))
            }
            EvalAltResult::ErrorStackOverflow(..) => {
                Some(format!("at most {CALLS_MAX} calls within calls"))
            }
            EvalAltResult::ErrorDataTooLarge(..) => Some(format!(
                "strings of {STRING_MAX} bytes, arrays of {ARRAY_MAX} elements, maps of {MAP_MAX} entries"
            )),
            EvalAltResult::ErrorTooManyVariables(..) => {
                Some(format!("at most {VARIABLES_MAX} variables"))
            }
            _ => None,
        };
        let stopped = Error::run(format!("program stopped: {bare}")).at(place);
        match allowed {
            Some(allowed) => stopped.allowed(allowed),
            None => stopped,
        }
    }
}

/// What went wrong in the function where it went wrong.
fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => innermost(inner),
        _ => error,
    }
}

trait Message {
    fn clone_message(&self) -> String;
}

impl Message for EvalAltResult {
    fn clone_message(&self) -> String {
        let text = self.to_string();
        let position = format!(" ({})", self.position());
        text.strip_suffix(&position)
            .map_or(text.clone(), str::to_owned)
    }
}

fn place(name: &str, position: Position) -> Place {
    Place {
        file: name.into(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(1),
        key: String::new(),
    }
}

/// The interpreter is not ours: should it panic on some text, that is the program's error, not the
/// end of the run.
fn guarded<T>(name: &str, work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| Error::run(format!("program `{name}` broke the interpreter")))
}

impl Reward for Program {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        self.within(self.spent.load(Relaxed))?;
        let value = self.value(&OutcomeTable::of(situation));
        let operations = OPERATIONS.get();
        self.within(self.spent.fetch_add(operations, Relaxed) + operations)?;
        match (value, self.failed.filter(|_| !STRICT.get())) {
            (Ok(value), None) => Ok(Judged::plain(value)),
            (Err(error), None) => Err(error),
            (outcome, Some(failed)) => Ok(Judged {
                total: *outcome.as_ref().unwrap_or(&failed),
                parts: vec![("failed".to_owned(), f64::from(u8::from(outcome.is_err())))],
                ..Judged::default()
            }),
        }
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
