//! Preference models for lists, cycles, groups of raters, contexts and aspects.

use super::section::{Section, not_built};
use crate::error::Result;
use crate::preferences::head::Head;
use crate::preferences::models::aspects::{Aspects, Mixture};
use crate::preferences::models::contextual::Contextual;
use crate::preferences::models::gpm::GeneralPreference;
use crate::preferences::models::pal::{Form, PrototypeMixture};
use crate::preferences::models::plackett_luce::{Lists, PlackettLuce};
use crate::preferences::models::rater_embedding::RaterEmbedding;

/// `hidden` as a head.
pub(super) fn head(section: &Section) -> Result<Head> {
    Ok(match section.whole("hidden")? as usize {
        0 => Head::Linear,
        units => Head::Hidden { units },
    })
}

pub(super) fn plackett_luce(section: &Section) -> Result<PlackettLuce> {
    Ok(PlackettLuce {
        ridge: section.number("ridge")?,
        head: head(section)?,
        lists: match section.choice("lists").0 {
            "likelihood" => Lists::Likelihood,
            "dcg-pairs" => Lists::DcgPairs,
            name => not_built("plackett-luce.lists", name),
        },
        ..PlackettLuce::default()
    })
}

pub(super) fn gpm(section: &Section) -> Result<GeneralPreference> {
    Ok(GeneralPreference {
        ridge: section.number("ridge")?,
        blocks: section.whole("blocks")? as usize,
        temperature: section.number("temperature")?,
        scored: section.node("scored").flag()?,
        starts: section.whole("starts")? as usize,
        ..GeneralPreference::default()
    })
}

pub(super) fn pal(section: &Section) -> Result<PrototypeMixture> {
    Ok(PrototypeMixture {
        prototypes: section.whole("prototypes")? as usize,
        dimension: section.whole("dimension")? as usize,
        ridge: section.number("ridge")?,
        rater_ridge: section.number("rater_ridge")?,
        starts: section.whole("starts")? as usize,
        form: match section.choice("form").0 {
            "ideal-point" => Form::IdealPoint,
            "vector" => Form::Vector,
            name => not_built("pal.form", name),
        },
        ..PrototypeMixture::default()
    })
}

pub(super) fn rater_embedding(section: &Section) -> Result<RaterEmbedding> {
    Ok(RaterEmbedding {
        dimension: section.whole("dimension")? as usize,
        ridge: section.number("ridge")?,
        rater_ridge: section.number("rater_ridge")?,
        starts: section.whole("starts")? as usize,
        ..RaterEmbedding::default()
    })
}

pub(super) fn contextual(section: &Section) -> Result<Contextual> {
    Ok(Contextual {
        ridge: section.number("ridge")?,
        head: head(section)?,
        latent: section.whole("latent")? as usize,
        starts: section.whole("starts")? as usize,
        ..Contextual::default()
    })
}

pub(super) fn aspects(section: &Section) -> Result<Aspects> {
    Ok(Aspects {
        ridge: section.number("ridge")?,
        rater_ridge: section.number("rater_ridge")?,
        head: head(section)?,
        mixture: match section.choice("mixture").0 {
            "simplex" => Mixture::Simplex,
            "non-negative" => Mixture::NonNegative,
            name => not_built("aspects.mixture", name),
        },
        ..Aspects::default()
    })
}
