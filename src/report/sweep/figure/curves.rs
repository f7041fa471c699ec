//! Lines of means with bands, on one panel.

use super::super::super::arms::Look;
use super::super::super::sheet::{Panel, Sheet, Stroke};
use super::super::estimate::Estimate;
use super::measure::Unit;
use crate::Result;

/// A point of a curve.
pub struct Point {
    /// Where.
    pub x: f64,
    /// The x in words, such as `tax year 3`.
    pub told: String,
    /// What.
    pub y: Estimate,
}

/// An arm's line.
pub struct Curve {
    /// The arm.
    pub name: String,
    /// How it looks.
    pub look: Look,
    /// Its points in the order of x.
    pub points: Vec<Point>,
}

/// How curves are drawn.
#[derive(Clone, Copy)]
pub struct Style {
    /// Radius of the markers in px; 0 for none.
    pub markers: f64,
    /// Whether points are joined by lines and intervals are bands; else intervals are whiskers.
    pub joined: bool,
}

/// Draws bands, then lines, then markers, and a spot that tells its value on every point.
pub fn draw(
    sheet: &mut Sheet,
    panel: &Panel,
    curves: &[Curve],
    unit: &Unit,
    style: Style,
) -> Result<()> {
    for curve in curves {
        for piece in curve.points.split(|point| !point.y.has_interval()) {
            if style.joined && piece.len() > 1 {
                let edge = |of: fn(&Estimate) -> f64| -> Vec<(f64, f64)> {
                    let inside = |y: f64| clamped(panel, y);
                    piece
                        .iter()
                        .map(|point| (point.x, inside(of(&point.y))))
                        .collect()
                };
                let (low, high) = (edge(|y| y.low), edge(|y| y.high));
                sheet.band(panel, &low, &high, curve.look.color)?;
            } else {
                whiskers(sheet, panel, curve, piece)?;
            }
        }
    }
    for curve in curves {
        let points: Vec<(f64, f64)> = curve.points.iter().map(|p| (p.x, p.y.mean)).collect();
        if style.joined {
            sheet.line(panel, &points, Stroke::from(&curve.look))?;
        }
        let marked = if style.markers > 0.0 { 0 } else { points.len() };
        let marked = if points.len() == 1 { 0 } else { marked };
        sheet.points(
            panel,
            &points[marked..],
            &curve.look,
            style.markers.max(2.4),
        )?;
    }
    for curve in curves {
        for point in curve.points.iter().filter(|p| p.y.mean.is_finite()) {
            let told = format!(
                "{}, {}: {}",
                curve.name,
                point.told,
                unit.estimate(&point.y)
            );
            sheet.tip(panel.place((point.x, point.y.mean)), 7.0, &told);
        }
    }
    Ok(())
}

fn whiskers(sheet: &mut Sheet, panel: &Panel, curve: &Curve, points: &[Point]) -> Result<()> {
    for point in points {
        let (x, low) = panel.place((point.x, clamped(panel, point.y.low)));
        let (_, high) = panel.place((point.x, clamped(panel, point.y.high)));
        let stroke = Stroke {
            color: curve.look.color,
            width: 1.2,
            dash: &[],
        };
        sheet.rule((x, low), (x, high), stroke)?;
        for end in [low, high] {
            sheet.rule((x - 2.6, end), (x + 2.6, end), stroke)?;
        }
    }
    Ok(())
}

fn clamped(panel: &Panel, y: f64) -> f64 {
    y.clamp(panel.y.low, panel.y.high)
}

/// All estimates of some curves.
pub fn estimates(curves: &[Curve]) -> Vec<Estimate> {
    curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|point| point.y))
        .collect()
}

/// Sets the arms of a place side by side.
pub fn spread(curves: &mut [Curve]) {
    let count = curves.len() as f64;
    for (i, curve) in curves.iter_mut().enumerate() {
        let shift = (i as f64 - (count - 1.0) / 2.0) * (0.64 / count.max(2.0));
        for point in &mut curve.points {
            point.x += shift;
        }
    }
}
