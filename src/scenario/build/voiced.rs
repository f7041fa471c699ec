//! Rewards that a language model gives.

use super::agents::{Models, referred_model};
use super::section::Section;
use crate::error::Result;
use crate::rewards::Reward;
use crate::rewards::follow_up::FollowUp;
use crate::rewards::principle::Principle;
use crate::rewards::voice::{Line, ModelVoice};
use crate::scenario::key::Kind;
use crate::scenario::{PlannerKind, VoiceSpec};

/// The reward called `name` and the model that it asks; `None` where no model gives it.
pub(super) fn reward(
    name: &str,
    keys: &Section,
    models: &Models,
    arms: &[&PlannerKind],
) -> Result<Option<(Box<dyn Reward>, VoiceSpec)>> {
    if !["principle", "follow-up"].contains(&name) {
        return Ok(None);
    }
    let (model, _) = referred_model(keys.node("model"), models)?;
    if let Some(arm) = arms
        .iter()
        .find(|a| matches!(a, PlannerKind::Search { .. }))
    {
        return Err(keys
            .node("model")
            .error(format!(
                "the planner `{}` sees one schedule a year, and a model judges several side by side",
                arm.arm()
            ))
            .allowed("the planner `reward`"));
    }
    let line = Line::default();
    let voice = ModelVoice {
        model: model.clone(),
        line: line.clone(),
    };
    let reward: Box<dyn Reward> = match name {
        "principle" => Box::new(Principle {
            principle: keys.text("principle")?,
            judge: Box::new(voice),
            list: keys.whole("list")? as usize,
            tools: keys.node("tools").flag()?,
        }),
        _ => Box::new(FollowUp {
            positive: texts(keys, "positive")?,
            negative: texts(keys, "negative")?,
            speaker: Box::new(voice),
            workers: keys.whole("workers")? as usize,
        }),
    };
    Ok(Some((reward, VoiceSpec { model, line })))
}

fn texts(keys: &Section, name: &str) -> Result<Vec<String>> {
    let items = keys.node(name).items(Kind::List(&Kind::Text))?;
    items
        .iter()
        .map(|item| match item.text()? {
            "" => Err(item.error("nothing said").allowed("a text")),
            text => Ok(text.to_owned()),
        })
        .collect()
}
