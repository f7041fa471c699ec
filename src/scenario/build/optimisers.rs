//! `planner.kind.policy`.

use super::section::{Section, not_built};
use crate::error::Result;
use crate::preferences::optimise::dpo::{Divergence, Dpo, Loss};
use crate::preferences::optimise::gpo::Gpo;
use crate::preferences::optimise::grpo::Grpo;
use crate::preferences::optimise::guided::Guided;
use crate::preferences::optimise::mcts::Mcts;
use crate::preferences::optimise::nash_md::NashMd;
use crate::preferences::optimise::nlpo::Nlpo;
use crate::preferences::optimise::ppo::{Ascent, Ppo};
use crate::preferences::optimise::rto::Rto;
use crate::preferences::optimise::sft::{Fit, Sft};
use crate::preferences::optimise::sparse::SparseDpo;
use crate::preferences::optimise::vpo::Vpo;
use crate::preferences::optimise::{Played, PolicyOptimiser, Told};
use crate::scenario::PolicySpec;

pub(super) fn policy(parameters: &Section) -> Result<PolicySpec> {
    let (name, own) = parameters.choice("optimiser");
    let optimiser = optimiser(name, &own)?;
    let told = match parameters.choice("told") {
        ("rewards", _) => Told::Rewards,
        ("preferences", _) => Told::Preferences,
        ("pairs", own) => Told::Pairs(own.whole("count")? as usize),
        (other, _) => not_built("planner.kind.policy.told", other),
    };
    let learns_from_pairs = ["dpo", "sparse", "rto", "vpo", "sft"];
    if matches!(told, Told::Pairs(_)) && !learns_from_pairs.contains(&name) {
        return Err(parameters
            .node("told")
            .error(format!(
                "the optimiser `{name}` has to ask for what it wants to know"
            ))
            .allowed(format!(
                "\"rewards\", \"preferences\", or an optimiser among {}",
                learns_from_pairs.join(", ")
            )));
    }
    Ok(PolicySpec {
        name: name.to_owned(),
        written: parameters.node.written(),
        optimiser,
        candidates: parameters.whole("candidates")? as usize,
        grid: parameters.number("grid")?,
        told,
        played: match parameters.choice("played").0 {
            "mode" => Played::Mode,
            "draw" => Played::Draw,
            other => not_built("planner.kind.policy.played", other),
        },
    })
}

fn ascent(own: &Section) -> Result<Ascent> {
    Ok(Ascent {
        rounds: own.whole("rounds")? as usize,
        batch: own.whole("batch")? as usize,
        epochs: own.whole("epochs")? as usize,
        rate: own.number("rate")?,
        clip: own.number("clip")?,
    })
}

fn loss(own: &Section) -> Result<(Loss, Divergence)> {
    Ok(match own.choice("loss") {
        ("dpo", own) => {
            let divergence = match own.choice("divergence") {
                ("reverse-kl", _) => Divergence::ReverseKl,
                ("forward-kl", _) => Divergence::ForwardKl,
                ("jensen-shannon", _) => Divergence::JensenShannon,
                ("alpha", own) => Divergence::Alpha(own.number("alpha")?),
                (other, _) => not_built("planner.kind.policy.optimiser.dpo.divergence", other),
            };
            (Loss::Dpo, divergence)
        }
        ("ipo", _) => (Loss::Ipo, Divergence::ReverseKl),
        ("kto", own) => {
            let (wanted, unwanted) = (own.number("wanted")?, own.number("unwanted")?);
            (Loss::Kto { wanted, unwanted }, Divergence::ReverseKl)
        }
        (other, _) => not_built("planner.kind.policy.optimiser.dpo.loss", other),
    })
}

fn optimiser(name: &str, own: &Section) -> Result<Box<dyn PolicyOptimiser>> {
    let many = |name: &str| own.whole(name).map(|count| count as usize);
    Ok(match name {
        "dpo" => {
            let (loss, divergence) = loss(own)?;
            Box::new(Dpo {
                beta: own.number("beta")?,
                loss,
                divergence,
                smoothing: own.number("smoothing")?,
                ridge: own.number("ridge")?,
                pairs: many("pairs")?,
                soft: own.node("soft").flag()?,
                ..Dpo::default()
            })
        }
        "sparse" => Box::new(SparseDpo {
            beta: own.number("beta")?,
            sparsity: own.number("sparsity")?,
            ridge: own.number("ridge")?,
            pairs: many("pairs")?,
            ..SparseDpo::default()
        }),
        "ppo" => Box::new(Ppo {
            beta: own.number("beta")?,
            ascent: ascent(own)?,
        }),
        "grpo" => Box::new(Grpo {
            beta: own.number("beta")?,
            divided: own.node("divided").flag()?,
            ascent: ascent(own)?,
        }),
        "nlpo" => Box::new(Nlpo {
            beta: own.number("beta")?,
            top_p: own.number("top_p")?,
            renewed: many("renewed")?,
            ascent: ascent(own)?,
            ..Nlpo::default()
        }),
        "rto" => Box::new(Rto {
            dpo: Dpo {
                beta: own.number("beta_dpo")?,
                pairs: many("pairs")?,
                ..Dpo::default()
            },
            dense: own.number("dense")?,
            beta: own.number("beta")?,
            terminal: own.number("terminal")?,
            ascent: ascent(own)?,
            ..Rto::default()
        }),
        "vpo" => Box::new(Vpo {
            beta: own.number("beta")?,
            alpha: own.number("alpha")?,
            optimistic: match own.choice("value").0 {
                "sought-online" => None,
                "sought" => Some(true),
                "shunned" => Some(false),
                other => not_built("planner.kind.policy.optimiser.vpo.value", other),
            },
            ridge: own.number("ridge")?,
            pairs: many("pairs")?,
            ..Vpo::default()
        }),
        "nash-md" => Box::new(NashMd {
            tau: own.number("tau")?,
            steps: own.whole("steps")?,
            ..NashMd::default()
        }),
        "gpo" => Box::new(Gpo {
            beta: own.number("beta")?,
            steps: many("steps")?,
            draws: many("draws")?,
            averaged: own.node("averaged").flag()?,
            ..Gpo::default()
        }),
        "guided" => Box::new(Guided {
            beta: own.number("beta")?,
            own: own.number("own")?,
            rounds: many("rounds")?,
            rollouts: many("rollouts")?,
            rate: own.number("rate")?,
            ..Guided::default()
        }),
        "mcts" => Box::new(Mcts {
            beta: own.number("beta")?,
            simulations: many("simulations")?,
            exploration: own.number("exploration")?,
            ridge: own.number("ridge")?,
            ..Mcts::default()
        }),
        "sft" => Box::new(Sft {
            beta: own.number("beta")?,
            fit: match own.choice("fit").0 {
                "total-variation" => Fit::TotalVariation,
                "pearson" => Fit::Pearson,
                "hellinger" => Fit::Hellinger,
                other => not_built("planner.kind.policy.optimiser.sft.fit", other),
            },
            ridge: own.number("ridge")?,
            demonstrations: many("demonstrations")?,
            best_of: many("best_of")?,
        }),
        other => not_built("planner.kind.policy.optimiser", other),
    })
}
