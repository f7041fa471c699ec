//! The axes in which a fit is well conditioned.

use crate::error::Result;
use crate::preferences::{Comparison, Items};
use nalgebra::{DMatrix, SymmetricEigen};

/// New coordinates x̃ = Tᵀx for features and θ = Tθ̃ for what they are multiplied with, so that
/// θ·x = θ̃·x̃, and the prior ½·ridge·‖θ‖² = ½ Σⱼ precisionⱼ θ̃ⱼ²: the same model, but in these
/// coordinates a linear score's loss is about equally curved in every direction. Outcomes
/// of tax schedules are nearly collinear, and a bilinear model in them would take L-BFGS for ever.
///
/// T = √u·VΛ^(−1/2) with VΛVᵀ = ¼ Σ w ddᵀ + ridge·I, d = x_a − x_b, and u² the mean of Λ: √u between 1,
/// where curvatures are 1, and u, where parameters are as long as before.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    /// T; `None` is the identity.
    turn: Option<DMatrix<f64>>,
    /// Of the prior, by coordinate.
    pub precision: Vec<f64>,
    /// About how much longer θ̃ is than θ: √u.
    pub unit: f64,
}

impl Axes {
    /// Those of compared items.
    pub fn of(items: &Items, pairs: &[Comparison], ridge: f64) -> Self {
        let width = items.width();
        let mut second = DMatrix::<f64>::identity(width, width) * ridge;
        for pair in pairs {
            let (a, b) = (items.row(pair.a), items.row(pair.b));
            let apart: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            for (i, x) in apart.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                for (j, y) in apart.iter().enumerate() {
                    second[(i, j)] += 0.25 * pair.weight * x * y;
                }
            }
        }
        let eigen = SymmetricEigen::new(second);
        // Rounding may take the least of them below the prior, which is in all of them.
        let values: Vec<f64> = eigen.eigenvalues.iter().map(|v| v.max(ridge)).collect();
        let mean = values.iter().sum::<f64>() / width as f64;
        let unit = mean.powf(0.25);
        let mut turn = eigen.eigenvectors;
        for (j, value) in values.iter().enumerate() {
            turn.column_mut(j).scale_mut(unit / value.sqrt());
        }
        Axes {
            turn: Some(turn),
            precision: values
                .iter()
                .map(|value| ridge * unit * unit / value)
                .collect(),
            unit,
        }
    }

    /// The same directions with θ̃ about as long as θ, for models whose other parameters are as curved
    /// as those.
    pub fn with_long_axes(mut self) -> Self {
        if let Some(turn) = &mut self.turn {
            *turn *= self.unit;
        }
        self.precision
            .iter_mut()
            .for_each(|p| *p *= self.unit.powi(2));
        self.unit = 1.0;
        self
    }

    /// The given ones, for `count` parameters.
    pub fn given(count: usize, ridge: f64) -> Self {
        Axes {
            turn: None,
            precision: vec![ridge; count],
            unit: 1.0,
        }
    }

    /// Items in these coordinates.
    pub fn turn(&self, items: &Items) -> Result<Items> {
        let Some(turn) = &self.turn else {
            return Ok(items.clone());
        };
        let width = items.width();
        let mut turned = Vec::with_capacity(items.len() * width);
        for row in items.rows() {
            turned.extend((0..width).map(|j| {
                row.iter()
                    .zip(turn.column(j).iter())
                    .map(|(x, t)| x * t)
                    .sum::<f64>()
            }));
        }
        Items::new(items.names().to_vec(), turned)
    }

    /// Rows of parameters in the given coordinates, one after the other.
    pub fn back(&self, rows: &[f64]) -> Vec<f64> {
        let Some(turn) = &self.turn else {
            return rows.to_vec();
        };
        let width = turn.nrows();
        let back = |row: &[f64]| -> Vec<f64> {
            (0..width)
                .map(|i| turn.row(i).iter().zip(row).map(|(t, x)| t * x).sum())
                .collect()
        };
        rows.chunks_exact(width).flat_map(back).collect()
    }

    /// ½ Σ precision·θ̃² of rows of parameters, added to `gradient` and returned.
    pub fn ridge(&self, rows: &[f64], gradient: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for ((x, g), p) in rows.iter().zip(gradient).zip(self.precision.iter().cycle()) {
            sum += p * x * x;
            *g += p * x;
        }
        0.5 * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::ridge;
    use crate::preferences::head::dot;

    /// Products and priors are those of the given coordinates, and differences are equally long.
    #[test]
    fn another_view_of_the_same() {
        let rows: Vec<f64> = (0..30).map(|k| f64::from(k * k % 17) / 5.0).collect();
        let collinear: Vec<f64> = (rows.chunks_exact(2))
            .flat_map(|x| [x[0], x[0] + 0.01 * x[1], x[0] * x[1]])
            .collect();
        let names = ["x", "y", "z"].map(str::to_owned).to_vec();
        let items = Items::new(names, collinear).unwrap();
        let pairs: Vec<Comparison> = (0..14).map(|k| Comparison::new(k, k + 1, 1.0)).collect();
        let axes = Axes::of(&items, &pairs, 1e-6);
        let turned = axes.turn(&items).unwrap();
        let parameters = [0.3, -1.0, 0.2];
        let given = axes.back(&parameters);
        for (x, y) in turned.rows().zip(items.rows()) {
            assert!((dot(x, &parameters) - dot(y, &given)).abs() < 1e-9);
        }
        let (mut g, mut h) = ([0.0; 3], [0.0; 3]);
        let (new, old) = (axes.ridge(&parameters, &mut g), ridge(1e-6, &given, &mut h));
        assert!((new - old).abs() < 1e-9 * (1.0 + old));
        let squares: Vec<f64> = (0..3)
            .map(|j| {
                let apart = |c: &Comparison| turned.row(c.a)[j] - turned.row(c.b)[j];
                pairs.iter().map(|c| apart(c).powi(2)).sum()
            })
            .collect();
        assert!((squares[0] / squares[2] - 1.0).abs() < 0.01, "{squares:?}");
        assert!((squares[1] / squares[2] - 1.0).abs() < 0.01, "{squares:?}");
    }
}
