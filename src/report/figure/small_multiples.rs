//! A grid of equal panels, one per arm.

use super::super::sheet::{Frame, MARGIN, WIDTH};

/// Frames of `count` equal panels from `top` downwards, at most `columns` side by side.
///
/// `left` and `right` are what tick labels and end labels need beside each panel, `above` and `below` what
/// stands over and under it.
pub struct Grid {
    /// Most panels in a row.
    pub columns: usize,
    /// Height of a panel's frame.
    pub height: f64,
    /// Room left of a frame.
    pub left: f64,
    /// Room right of a frame.
    pub right: f64,
    /// Room above a frame.
    pub above: f64,
    /// Room below a frame.
    pub below: f64,
}

impl Grid {
    /// The frames, row by row, and the y below the last row.
    pub fn frames(&self, top: f64, count: usize) -> (Vec<Frame>, f64) {
        let columns = self.columns.min(count).max(1);
        let cell = (WIDTH - 2.0 * MARGIN) / columns as f64;
        let row = self.above + self.height + self.below;
        let frames = (0..count).map(|i| {
            let left = MARGIN + (i % columns) as f64 * cell;
            let top = top + (i / columns) as f64 * row + self.above;
            Frame {
                left: left + self.left,
                top,
                right: left + cell - self.right,
                bottom: top + self.height,
            }
        });
        (frames.collect(), top + count.div_ceil(columns) as f64 * row)
    }
}
