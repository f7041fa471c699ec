//! The measures of a reform for programs.

use super::measures::{Modelled, Observed, OfSchedule, Situation};
use super::table::listed;
use crate::error::Result;
use crate::fiscal::Schedule;
use crate::fiscal::bunching::{Bunching, Kink};
use crate::fiscal::inequality::mean;
use crate::fiscal::reform::Row;
use crate::fiscal::taxable_income::Estimate;
use serde_json::{Value, json};

/// Everything; amounts in $/year, rates and shares as fractions.
pub fn value(
    title: &str,
    a: &Situation,
    b: &Situation,
    observed: &Observed,
    modelled: Option<&Modelled>,
) -> Value {
    let effects = &observed.revenue;
    let rows: Vec<Value> = observed.rows.iter().map(row_json).collect();
    let pooled: serde_json::Map<String, Value> = (observed.elasticity.iter())
        .zip(["all", "away_from_kinks", "gruber_saez"])
        .map(|((_, found), key)| (key.to_owned(), estimate_json(found)))
        .collect();
    let by_bracket: Vec<Value> = observed.by_bracket.iter().map(estimate_json).collect();
    let sides: Vec<Value> = [a, b]
        .iter()
        .enumerate()
        .map(|(side, situation)| {
            let indices: serde_json::Map<String, Value> = (listed(&observed.indices[side]).iter())
                .map(|(key, _, value)| ((*key).to_owned(), json!(value)))
                .collect();
            let kinks: Vec<Value> = observed.bunching[side].iter().map(kink_json).collect();
            json!({
                "name": situation.name,
                "schedule": situation.schedule.to_string(),
                "indices": indices,
                "bunching": kinks,
                "excess_burden": modelled.map(|m| json!({
                    "mean": m.schedules[side].burden.mean,
                    "per_dollar": m.schedules[side].burden.per_dollar(),
                })),
                "brackets": modelled.map(|m| brackets_json(&situation.schedule, &m.schedules[side])),
            })
        })
        .collect();
    json!({
        "title": title,
        "from": sides[0],
        "to": sides[1],
        "revenue": {
            "before": effects.before,
            "mechanical": effects.mechanical,
            "behavioural": effects.behavioural,
            "after": effects.after,
        },
        "rebate_change": observed.rebate_change,
        "welfare": modelled.map(|m| json!({
            "objective": m.objective,
            "unit": m.unit,
            "before": m.welfare.before,
            "burden": m.welfare.burden,
            "rebate": m.welfare.rebate,
            "adjustment": m.welfare.adjustment,
            "after": m.welfare.after,
            "per_dollar": m.welfare.per_dollar,
        })),
        "equivalent_variation": modelled.map(|m| mean(&m.variations.equivalent)),
        "compensating_variation": modelled.map(|m| mean(&m.variations.compensating)),
        "step": modelled.map(|m| m.step),
        "threshold": observed.threshold,
        "deciles": rows,
        "elasticity": { "pooled": pooled, "by_bracket": by_bracket },
        "poverty_line": observed.line,
    })
}

fn row_json(row: &Row) -> Value {
    json!({
        "decile": Some(row.group).filter(|group| *group > 0),
        "workers": row.workers,
        "income": row.income,
        "disposable": row.disposable,
        "tax_before": row.tax_before,
        "tax_after": row.tax_after,
        "change_before_rebate": row.change_before_rebate,
        "change": row.change,
        "relative_change": row.relative_change,
        "gain": row.gain,
        "winners": row.winners,
        "losers": row.losers,
    })
}

fn estimate_json(found: &Result<Estimate>) -> Value {
    match found {
        Ok(found) => json!({
            "elasticity": found.elasticity,
            "standard_error": found.standard_error,
            "first_stage_f": found.first_stage_f,
            "workers": found.workers,
            "left_out": found.left_out,
        }),
        Err(error) => json!({ "why": error.to_string() }),
    }
}

fn kink_json((kink, found): &(Kink, Result<Bunching>)) -> Value {
    let found = match found {
        Ok(found) => json!({
            "excess": found.excess,
            "excess_error": found.excess_error,
            "elasticity": found.elasticity,
            "standard_error": found.standard_error,
        }),
        Err(error) => json!({ "why": error.to_string() }),
    };
    json!({
        "kink": kink.income,
        "rate_below": kink.rate_below,
        "rate_above": kink.rate_above,
        "found": found,
    })
}

fn brackets_json(schedule: &Schedule, of: &OfSchedule) -> Vec<Value> {
    (0..schedule.brackets())
        .map(|k| {
            let (marginal, laffer, weight) = (&of.marginal[k], &of.laffer[k], &of.weights[k]);
            json!({
                "from": schedule.edges()[k],
                "rate": schedule.rates()[k],
                "base": marginal.mechanical,
                "revenue_slope": marginal.revenue,
                // JSON has no infinity: null, and a flag.
                "mvpf": marginal.mvpf(),
                "cut_pays_for_itself": marginal.mvpf() == f64::INFINITY,
                "laffer_peak_rate": laffer.peak_rate,
                "laffer_peak_revenue": laffer.peak_revenue,
                "laffer_revenue": laffer.revenue,
                "implied_weight": weight.implied,
                "own_weight": weight.own,
            })
        })
        .collect()
}
