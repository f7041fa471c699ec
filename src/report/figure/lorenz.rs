//! Lorenz curves of pre-tax and of disposable income at the last step, with their Gini coefficients.

use super::super::distribution::{gini, lorenz, thin};
use super::super::finished::{FinishedRun, Workers};
use super::super::key::{Entry, legend};
use super::super::number::{grouped, percent};
use super::super::scale::{Scale, Spacing};
use super::super::sheet::{Axis, Frame, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH};
use super::{Draft, column};
use crate::Result;

const ID: &str = "lorenz";
const TITLE: &str = "Lorenz curves of income before and after taxes";

/// Most points of a curve; longer ones are thinned evenly over the population.
const POINTS: usize = 200;

type Curve = Vec<(f64, f64)>;
/// Title, name in the data, and the column of [`Workers`].
type Measure = (&'static str, &'static str, fn(&Workers) -> &Vec<f64>);

pub(super) fn draw(run: &FinishedRun) -> Result<Option<Draft>> {
    let shown: Vec<usize> = (0..run.arms.len())
        .filter(|&i| !run.arms[i].last.income.is_empty())
        .collect();
    let (Some(step), false) = (run.last_step, shown.is_empty()) else {
        return Ok(None);
    };
    let measures: [Measure; 2] = [
        ("Pre-tax income", "income", |workers| &workers.income),
        (
            "Disposable income (after tax and rebate)",
            "disposable",
            |workers| &workers.disposable,
        ),
    ];
    let curves = measures.map(|(.., of)| -> Vec<Option<Curve>> {
        run.arms.iter().map(|arm| lorenz(of(&arm.last))).collect()
    });
    let caption = format!(
        "Share of all income held by the poorest share of workers, before taxes (left) and after tax and rebate \
         (right), at step {step}, the last one recorded. The thin diagonal is equality. In the legend, Gini \
         coefficients before → after, without small-sample correction. These are a single period's incomes of \
         individual workers, not of households and not over a lifetime."
    );
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(
        TITLE,
        &format!("Step {step} alone; the table has means over the tax year. Workers from poorest to richest."),
    );
    let lowest = curves
        .iter()
        .flatten()
        .flatten()
        .flatten()
        .map(|point| point.1)
        .fold(0.0, f64::min);
    let side = 280.0;
    let gap = (WIDTH - 2.0 * MARGIN - 2.0 * side - 44.0) - 14.0;
    for (m, (title, ..)) in measures.iter().enumerate() {
        let left = MARGIN + 44.0 + m as f64 * (side + gap);
        let frame = Frame {
            left,
            top: top + 26.0,
            right: left + side,
            bottom: top + 26.0 + side,
        };
        let y = Scale::new(Spacing::Linear, lowest, 1.0);
        let panel = Panel {
            frame,
            x: Scale::new(Spacing::Linear, 0.0, 1.0),
            y,
        };
        let shares = |scale: &Scale| {
            let ticks = scale.ticks(0.2);
            let labels = ticks.iter().map(|share| percent(*share)).collect();
            (ticks, labels)
        };
        let ((xs, x_labels), (ys, y_labels)) = (shares(&panel.x), shares(&panel.y));
        sheet.axes(
            &panel,
            &Axis::new(xs, x_labels, "Poorest share of workers"),
            &Axis::new(ys, y_labels, title),
        )?;
        sheet.line(
            &panel,
            &[(0.0, 0.0), (1.0, 1.0)],
            Stroke {
                color: SOFT,
                width: 0.8,
                dash: &[],
            },
        )?;
        for i in run.drawing_order() {
            if let Some(curve) = &curves[m][i] {
                sheet.line(
                    &panel,
                    &thin(curve, POINTS),
                    Stroke::from(&run.arms[i].look),
                )?;
            }
        }
    }
    let shown_gini = |curve: &Option<Curve>| {
        curve
            .as_ref()
            .map_or("n/a".into(), |curve| grouped(gini(curve), 3))
    };
    let entries: Vec<Entry> = shown
        .iter()
        .map(|&i| {
            let arm = &run.arms[i];
            let (before, after) = (shown_gini(&curves[0][i]), shown_gini(&curves[1][i]));
            Entry {
                label: format!("{}: Gini {before} → {after}", arm.name),
                look: arm.look,
                marker: false,
            }
        })
        .collect();
    let bottom = legend(&mut sheet, top + 26.0 + side + 46.0, &entries)?;
    let (mut arms, mut kinds, mut people, mut held) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (m, (_, kind, _)) in measures.iter().enumerate() {
        for (i, curve) in curves[m].iter().enumerate() {
            for (share, amount) in thin(curve.as_deref().unwrap_or(&[]), POINTS) {
                arms.push(run.arms[i].name.clone());
                kinds.push(*kind);
                people.push(share);
                held.push(amount);
            }
        }
    }
    let data = vec![
        column("arm", arms),
        column("amount", kinds),
        column("population_share", people),
        column("amount_share", held),
    ];
    let svg = sheet.finish(bottom + MARGIN, TITLE, &caption);
    Ok(Some(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg,
        caption,
        data,
    }))
}
