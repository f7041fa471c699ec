//! Drawing the next token among those that a grammar admits.

use super::model::Model;
use super::trie::log_sum_exp;
use crate::error::{Error, Result};
use crate::llm::{Message, Request, Role};
use crate::random::Streams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The start symbol of every grammar.
const START: &str = "root";

/// Largest grammar source, in bytes: far above any real one.
const GRAMMAR_BYTES: usize = 1 << 20;

/// A grammar, ready to be followed by any number of answers.
pub(super) struct Grammar(LlamaSampler);

impl Grammar {
    /// Compiles `source`, in llama.cpp's GBNF notation.
    ///
    /// # Errors
    /// It does not compile (llama.cpp says where on stderr), or has no `root`.
    pub(super) fn compile(model: &Model, source: &str) -> Result<Grammar> {
        if source.trim().is_empty() || source.len() > GRAMMAR_BYTES {
            return Err(Error::input("a grammar of no or of too much text")
                .value(format!("{} bytes", source.len())));
        }
        LlamaSampler::grammar(&model.llama, source, START)
            .map(Grammar)
            .map_err(|error| {
                Error::input(format!("grammar does not compile: {error}"))
                    .value(source)
                    .allowed(format!("GBNF with a rule `{START}`"))
            })
    }
}

// SAFETY: a grammar's sampler owns its state; what it shares with others is the
// model's vocabulary, which nobody changes after loading.
unsafe impl Send for Draw {}

/// One answer in the making: where its grammar stands and what it draws next.
pub(super) struct Draw {
    grammar: LlamaSampler,
    random: ChaCha8Rng,
    temperature: f64,
    top_p: f64,
}

impl Draw {
    /// The draw of `request`: its random numbers depend on seed, stream, step, attempt and the
    /// number of the model's own turns before it only. A thought and the answer after it are
    /// two turns, and so have random numbers of their own.
    ///
    /// # Errors
    /// A temperature below 0 or a `top_p` outside (0, 1].
    pub(super) fn new(
        grammar: &Grammar,
        request: &Request,
        temperature: f64,
        top_p: f64,
    ) -> Result<Draw> {
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return Err(Error::input("temperature")
                .value(temperature)
                .allowed("0 or more"));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(Error::input("top_p")
                .value(top_p)
                .allowed("above 0, at most 1"));
        }
        Ok(Draw {
            grammar: grammar.0.clone(),
            random: random(request),
            temperature,
            top_p,
        })
    }

    /// The next token given `logits`: a draw from softmax(logits/temperature)
    /// over the tokens that the grammar admits, cut to the nucleus `top_p`.
    ///
    /// # Errors
    /// The grammar admits no token, or the logits are not numbers.
    pub(super) fn next(&mut self, model: &Model, logits: &[f32]) -> Result<LlamaToken> {
        let token = if self.temperature == 0.0 {
            self.most_probable(logits)?
        } else {
            let scaled = tempered(logits, self.temperature)?;
            match self.one_try(&scaled)? {
                Some(token) => token,
                None => self.among_admitted(&scaled)?,
            }
        };
        // Accepting a token that the grammar refuses would abort the process;
        // every way above has asked the grammar first. The end needs no accepting.
        if !model.ends.contains(&token) {
            self.grammar.accept(token);
        }
        Ok(token)
    }

    /// Whether the answer is complete: nothing but the end is admitted next, so
    /// the model need not be asked.
    pub(super) fn complete(&mut self, model: &Model) -> bool {
        self.admitted(model.openers.iter().map(|token| (token.0 as u32, 0.0)))
            .is_empty()
    }

    /// The most probable admitted token, asking the grammar about as few as possible.
    fn most_probable(&mut self, logits: &[f32]) -> Result<LlamaToken> {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let falling = |a: &u32, b: &u32| {
            logits[*b as usize]
                .total_cmp(&logits[*a as usize])
                .then(a.cmp(b))
        };
        let mut start = 0;
        for size in [1, 64, 4096, logits.len()] {
            let end = (start + size).min(order.len());
            let rest = &mut order[start..];
            if end - start < rest.len() && end > start {
                rest.select_nth_unstable_by(end - start - 1, falling);
            }
            let part = &mut order[start..end];
            part.sort_unstable_by(falling);
            let admitted = self.admitted(part.iter().map(|&t| (t, logits[t as usize])));
            if let Some(best) = admitted.first() {
                return if best.logit().is_finite() {
                    Ok(best.id())
                } else {
                    Err(not_numbers())
                };
            }
            start = end;
        }
        Err(dead_end())
    }

    /// Draws from all tokens and keeps the draw if the grammar admits it.
    ///
    /// Drawing again among the admitted after a refusal gives the same
    /// distribution as drawing among the admitted at once:
    /// p(x) + (1 − p(A))·p(x)/p(A) = p(x)/p(A), and asking about one token is cheap.
    fn one_try(&mut self, logits: &[f32]) -> Result<Option<LlamaToken>> {
        if self.top_p < 1.0 {
            return Ok(None);
        }
        let total = log_sum_exp(logits);
        let mut left: f64 = self.random.random();
        let mut drawn = 0;
        for (token, &logit) in logits.iter().enumerate() {
            let p = (f64::from(logit) - total).exp();
            if p > 0.0 {
                drawn = token;
                left -= p;
                if left < 0.0 {
                    break;
                }
            }
        }
        let one = self.admitted([(drawn as u32, logits[drawn])].into_iter());
        Ok(one.first().map(LlamaTokenData::id))
    }

    /// Draws among all admitted tokens.
    fn among_admitted(&mut self, logits: &[f32]) -> Result<LlamaToken> {
        let mut tokens = self.admitted((0..).zip(logits.iter().copied()));
        tokens.sort_unstable_by(|a, b| b.logit().total_cmp(&a.logit()).then(a.id().cmp(&b.id())));
        let Some(top) = tokens.first().map(|t| f64::from(t.logit())) else {
            return Err(dead_end());
        };
        let weight = |t: &LlamaTokenData| (f64::from(t.logit()) - top).exp();
        let all: f64 = tokens.iter().map(weight).sum();
        let mut nucleus = 0.0;
        let mut kept = 0;
        for token in &tokens {
            nucleus += weight(token);
            kept += 1;
            if nucleus >= self.top_p * all {
                break;
            }
        }
        let mut left = self.random.random::<f64>() * nucleus;
        let mut drawn = tokens[0].id();
        for token in &tokens[..kept] {
            drawn = token.id();
            left -= weight(token);
            if left < 0.0 {
                break;
            }
        }
        Ok(drawn)
    }

    /// Those of `tokens` that the grammar admits next, in the given order.
    fn admitted(&mut self, tokens: impl Iterator<Item = (u32, f32)>) -> Vec<LlamaTokenData> {
        // The grammar marks what it refuses with −∞, whatever the logit was.
        let data: Vec<_> = tokens
            .map(|(t, l)| LlamaTokenData::new(LlamaToken(t as i32), l, 0.0))
            .collect();
        if data.is_empty() {
            return data;
        }
        let mut asked = LlamaTokenDataArray::new(data, false);
        self.grammar.apply(&mut asked);
        asked
            .data
            .retain(|token| token.logit() != f32::NEG_INFINITY);
        asked.data
    }
}

/// The random numbers of `request`.
fn random(request: &Request) -> ChaCha8Rng {
    let own = |message: &&Message| message.role == Role::Assistant;
    let domain = match request.messages.iter().filter(own).count() {
        0 => format!("sample {}", request.attempt),
        turn => format!("sample {} turn {turn}", request.attempt),
    };
    Streams::new(request.seed, &domain).at(request.stream, request.step)
}

/// `logits` over `temperature`, with 0 for the greatest.
fn tempered(logits: &[f32], temperature: f64) -> Result<Vec<f32>> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !top.is_finite() || logits.iter().any(|x| x.is_nan()) {
        return Err(not_numbers());
    }
    Ok(logits
        .iter()
        .map(|&x| (f64::from(x - top) / temperature) as f32)
        .collect())
}

fn not_numbers() -> Error {
    Error::run("the model's logits are not numbers")
}

fn dead_end() -> Error {
    Error::run("the grammar admits no token of this model's vocabulary here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Readout;

    fn question(stream: u64, turns: &[Role]) -> Request {
        let message = |&role: &Role| Message {
            role,
            content: "words".into(),
        };
        Request {
            seed: 1,
            agent: "worker".into(),
            stream,
            step: 3,
            attempt: 0,
            messages: turns.iter().map(message).collect(),
            readout: Readout::Choice {
                options: Vec::new(),
            },
        }
    }

    #[test]
    fn an_answer_is_drawn_independently_of_the_thought_before_it() {
        let thought = [Role::System, Role::User];
        let answer = [Role::System, Role::User, Role::Assistant, Role::User];
        let n = 20_000;
        let first = |turns: &[Role], stream| random(&question(stream, turns)).random::<f64>();
        let product = |stream| (first(&thought, stream) - 0.5) * (first(&answer, stream) - 0.5);
        let covariance = (0..n).map(product).sum::<f64>() / n as f64;
        // Products of two independent uniforms about 1/2 have a standard deviation of 1/12.
        let error = 1.0 / 12.0 / (n as f64).sqrt();
        assert!(covariance.abs() < 5.0 * error, "{covariance} ± {error}");
    }
}
