//! The drawing surface of a figure: plotters draws the marks, this file sets the text and the axes.
//!
//! Plotters' SVG backend knows neither dashes nor fractions of a pixel. Each group of marks is therefore drawn
//! by plotters at ten times the size and set into an SVG group that scales it down, dashes it and clips it.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon};
use plotters::prelude::{Cartesian2d, CoordTranslate};
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::arms::{Look, Marker};
use super::scale::Scale;
use super::typeface::{FAMILY, escape, fit, width, wrap};
use crate::{Error, Result};

/// Width of every figure in px.
pub const WIDTH: f64 = 720.0;
/// Empty border of a figure in px.
pub const MARGIN: f64 = 14.0;
/// Size of tick labels and legends in px.
pub const LABEL: f64 = 11.5;
/// Ink of text.
pub const INK: Rgb = (34, 34, 34);
/// Ink of secondary text.
pub const SOFT: Rgb = (95, 95, 95);
/// Ink of grid lines.
pub const GRID: Rgb = (226, 226, 226);

/// Plotters works in whole pixels; one px of the figure is this many of them.
const FINE: f64 = 10.0;

/// What plotters is told of the size, in its pixels: more than any figure needs, since it cuts off the rest.
const CANVAS: (u32, u32) = (WIDTH as u32 * FINE as u32, 100_000);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// A rectangle of the sheet, in px.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

/// A rectangle with two axes.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Where it stands.
    pub frame: Frame,
    /// Horizontal axis.
    pub x: Scale,
    /// Vertical axis.
    pub y: Scale,
}

impl Panel {
    /// Where the data point stands on the sheet, in px.
    pub fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (x, y) = self.fine((x, y));
        (f64::from(x) / FINE, f64::from(y) / FINE)
    }

    fn fine(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let f = self.frame;
        let fine = |px: f64| (px * FINE).round() as i32;
        let axes = Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            self.x.stretch(self.x.low)..self.x.stretch(self.x.high),
            self.y.stretch(self.y.low)..self.y.stretch(self.y.high),
            (fine(f.left)..fine(f.right), fine(f.bottom)..fine(f.top)),
        );
        axes.translate(&(self.x.stretch(x), self.y.stretch(y)))
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Stroke<'a> {
    /// Colour.
    pub color: Rgb,
    /// Width in px.
    pub width: f64,
    /// Dash lengths in px; empty for a solid line.
    pub dash: &'a [f64],
}

impl From<&Look> for Stroke<'static> {
    fn from(look: &Look) -> Self {
        Stroke {
            color: look.color,
            width: look.width,
            dash: look.dash,
        }
    }
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Begins at the point.
    Start,
    /// Centred on it.
    Middle,
    /// Ends there.
    End,
}

/// Ticks with their labels, and the axis's title with its unit.
pub struct Axis<'a> {
    /// Value and label of every tick.
    pub ticks: Vec<(f64, String)>,
    /// Title; empty for none.
    pub title: &'a str,
}

impl<'a> Axis<'a> {
    /// An axis from values and their labels.
    pub fn new(values: Vec<f64>, labels: Vec<String>, title: &'a str) -> Self {
        Axis {
            ticks: values.into_iter().zip(labels).collect(),
            title,
        }
    }
}

/// An SVG figure under construction.
pub struct Sheet {
    id: String,
    body: String,
    clips: usize,
}

impl Sheet {
    /// An empty sheet; `id` starts the ids of its elements, so that several figures can stand in one page.
    pub fn new(id: &str) -> Self {
        Sheet {
            id: id.to_owned(),
            body: String::new(),
            clips: 0,
        }
    }

    /// Title and subtitle at the top; returns the y below them.
    pub fn heading(&mut self, title: &str, subtitle: &str) -> f64 {
        let mut y = MARGIN + 14.0;
        self.set(
            MARGIN,
            y,
            &fit(title, 15.5, WIDTH - 2.0 * MARGIN),
            15.5,
            true,
            INK,
            Anchor::Start,
        );
        for line in wrap(subtitle, 12.0, WIDTH - 2.0 * MARGIN) {
            y += 17.0;
            self.set(MARGIN, y, &line, 12.0, false, SOFT, Anchor::Start);
        }
        y + 10.0
    }

    /// Ordinary text at (x, baseline y).
    pub fn text(&mut self, x: f64, y: f64, text: &str, color: Rgb, anchor: Anchor) {
        self.set(x, y, text, LABEL, false, color, anchor);
    }

    /// Bold text at (x, baseline y).
    pub fn strong(&mut self, x: f64, y: f64, text: &str, anchor: Anchor) {
        self.set(x, y, text, 12.0, true, INK, anchor);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the attributes of one SVG element"
    )]
    fn set(
        &mut self,
        x: f64,
        y: f64,
        text: &str,
        size: f64,
        bold: bool,
        color: Rgb,
        anchor: Anchor,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let (ink, text) = (hex(color), escape(text));
        let element = format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{ink}\"{weight}{anchor}>"
        );
        self.body += &element;
        self.body += &text;
        self.body += "</text>\n";
    }

    /// A straight line in px.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) -> Result<()> {
        self.marks(stroke.dash, None, |area| {
            area.draw(&PathElement::new(
                [from, to].map(fine),
                ink(stroke.color, stroke.width),
            ))
        })
    }

    /// A line through data points, broken where a value is not finite.
    pub fn line(&mut self, panel: &Panel, points: &[(f64, f64)], stroke: Stroke) -> Result<()> {
        let pieces = points
            .split(|(x, y)| !x.is_finite() || !y.is_finite())
            .filter(|piece| piece.len() > 1);
        let pieces: Vec<Vec<(i32, i32)>> = pieces
            .map(|piece| piece.iter().map(|point| panel.fine(*point)).collect())
            .collect();
        self.marks(stroke.dash, Some(panel.frame), |area| {
            let style = ink(stroke.color, stroke.width);
            pieces
                .into_iter()
                .try_for_each(|piece| area.draw(&PathElement::new(piece, style)))
        })
    }

    /// The area between two lines over the same x.
    pub fn band(
        &mut self,
        panel: &Panel,
        lower: &[(f64, f64)],
        upper: &[(f64, f64)],
        color: Rgb,
    ) -> Result<()> {
        let outline: Vec<_> = lower
            .iter()
            .chain(upper.iter().rev())
            .map(|point| panel.fine(*point))
            .collect();
        self.marks(&[], Some(panel.frame), |area| {
            area.draw(&Polygon::new(outline, rgb(color).mix(0.18).filled()))
        })
    }

    /// A bar from the lower edge of the panel up to `height`.
    pub fn bar(
        &mut self,
        panel: &Panel,
        from: f64,
        to: f64,
        height: f64,
        color: Rgb,
    ) -> Result<()> {
        let (left, base) = panel.fine((from, panel.y.low.max(0.0)));
        let (right, top) = panel.fine((to, height));
        let corners = vec![(left, base), (left, top), (right, top), (right, base)];
        self.marks(&[], Some(panel.frame), |area| {
            area.draw(&Polygon::new(corners, rgb(color).filled()))
        })
    }

    /// Markers of `radius` px at data points.
    pub fn points(
        &mut self,
        panel: &Panel,
        points: &[(f64, f64)],
        look: &Look,
        radius: f64,
    ) -> Result<()> {
        let finite = points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        let places: Vec<_> = finite.map(|point| panel.place(*point)).collect();
        self.markers(&places, look, radius)
    }

    /// Hollow circles at data points.
    pub fn rings(
        &mut self,
        panel: &Panel,
        points: &[(f64, f64)],
        color: Rgb,
        radius: f64,
    ) -> Result<()> {
        let finite = points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        let places: Vec<_> = finite.map(|point| panel.fine(*point)).collect();
        self.marks(&[], None, |area| {
            let radius = (radius * FINE).round() as i32;
            places
                .iter()
                .try_for_each(|place| area.draw(&Circle::new(*place, radius, ink(color, 1.0))))
        })
    }

    /// A filled rectangle of the sheet.
    pub fn fill(&mut self, frame: Frame, color: Rgb) {
        let (w, h) = (frame.right - frame.left, frame.bottom - frame.top);
        let _ = writeln!(
            self.body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"{}\"/>",
            frame.left,
            frame.top,
            hex(color)
        );
    }

    /// An unseen spot of `radius` px that tells `text` to a pointer over it, and to the script of a page.
    pub fn tip(&mut self, (x, y): (f64, f64), radius: f64, text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.body,
            "<circle class=\"tip\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill-opacity=\"0\"><title>{text}</title></circle>"
        );
    }

    /// Markers of `radius` px at places of the sheet.
    pub fn markers(&mut self, places: &[(f64, f64)], look: &Look, radius: f64) -> Result<()> {
        self.marks(&[], None, |area| {
            places
                .iter()
                .try_for_each(|place| draw_marker(area, *place, look, radius))
        })
    }

    /// Grid, axis line, ticks, tick labels and titles of a panel. The y title stands above the panel;
    /// returns its x, for further lines above it.
    pub fn axes(&mut self, panel: &Panel, x: &Axis, y: &Axis) -> Result<f64> {
        let frame = panel.frame;
        let grid = Stroke {
            color: GRID,
            width: 0.8,
            dash: &[],
        };
        let axis = Stroke {
            color: SOFT,
            width: 0.9,
            dash: &[],
        };
        for (value, label) in &y.ticks {
            let (_, at) = panel.place((panel.x.low, *value));
            self.rule((frame.left, at), (frame.right, at), grid)?;
            self.text(frame.left - 6.0, at + 4.0, label, SOFT, Anchor::End);
        }
        self.rule(
            (frame.left, frame.bottom),
            (frame.right, frame.bottom),
            axis,
        )?;
        for (value, label) in &x.ticks {
            let (at, _) = panel.place((*value, panel.y.low));
            self.rule((at, frame.bottom), (at, frame.bottom + 4.0), axis)?;
            self.text(at, frame.bottom + 16.5, label, SOFT, Anchor::Middle);
        }
        if !x.title.is_empty() {
            let middle = (frame.left + frame.right) / 2.0;
            self.text(middle, frame.bottom + 34.0, x.title, INK, Anchor::Middle);
        }
        let widest = y
            .ticks
            .iter()
            .map(|(_, label)| width(label, LABEL, false))
            .fold(0.0, f64::max);
        let flush = frame.left - 6.0 - widest;
        if !y.title.is_empty() {
            self.text(flush, frame.top - 11.0, y.title, INK, Anchor::Start);
        }
        Ok(flush)
    }

    /// The finished SVG, `height` px high, with title and description for those who hear it.
    pub fn finish(self, height: f64, title: &str, description: &str) -> String {
        let Sheet { id, body, .. } = self;
        let height = height.ceil();
        let (title, description) = (escape(title), escape(description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
             font-family=\"{FAMILY}\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }

    /// Has plotters draw at ten times the size, then dashes, clips and scales what it drew.
    fn marks(
        &mut self,
        dash: &[f64],
        clip: Option<Frame>,
        draw: impl FnOnce(&Area) -> Drawn,
    ) -> Result<()> {
        let mut drawn = String::new();
        {
            let area = SVGBackend::with_string(&mut drawn, CANVAS).into_drawing_area();
            let failed = |error| Error::run(format!("a figure cannot be drawn: {error}"));
            draw(&area).map_err(failed)?;
            area.present().map_err(failed)?;
        }
        let inner = drawn
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_end()
            .trim_end_matches("</svg>");
        if inner.is_empty() {
            return Ok(());
        }
        if let Some(frame) = clip {
            self.clips += 1;
            let (id, n) = (&self.id, self.clips);
            let (x, y) = (frame.left - 2.0, frame.top - 2.0);
            let (w, h) = (
                frame.right - frame.left + 4.0,
                frame.bottom - frame.top + 4.0,
            );
            let rect =
                format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>");
            let _ = write!(
                self.body,
                "<clipPath id=\"{id}-{n}\">{rect}</clipPath><g clip-path=\"url(#{id}-{n})\">"
            );
        }
        self.body += "<g transform=\"scale(0.1)\" stroke-linejoin=\"round\"";
        if !dash.is_empty() {
            let lengths: Vec<String> = dash
                .iter()
                .map(|length| format!("{:.0}", length * FINE))
                .collect();
            let _ = write!(self.body, " stroke-dasharray=\"{}\"", lengths.join(" "));
        }
        self.body += ">\n";
        self.body += inner;
        self.body += if clip.is_some() {
            "</g></g>\n"
        } else {
            "</g>\n"
        };
        Ok(())
    }
}

fn draw_marker(area: &Area, (x, y): (f64, f64), look: &Look, r: f64) -> Drawn {
    let style = rgb(look.color).filled();
    let at = |dx: f64, dy: f64| fine((x + dx * r, y + dy * r));
    let crossing = |strokes: [((f64, f64), (f64, f64)); 2]| {
        strokes.into_iter().try_for_each(|((x1, y1), (x2, y2))| {
            area.draw(&PathElement::new(
                [at(x1, y1), at(x2, y2)],
                ink(look.color, r * 0.55),
            ))
        })
    };
    match look.marker {
        Marker::Circle => area.draw(&Circle::new(fine((x, y)), (r * FINE).round() as i32, style)),
        Marker::Square => area.draw(&Polygon::new(
            [at(-0.9, -0.9), at(0.9, -0.9), at(0.9, 0.9), at(-0.9, 0.9)],
            style,
        )),
        Marker::Up => area.draw(&Polygon::new(
            [at(0.0, -1.2), at(1.1, 0.8), at(-1.1, 0.8)],
            style,
        )),
        Marker::Down => area.draw(&Polygon::new(
            [at(0.0, 1.2), at(1.1, -0.8), at(-1.1, -0.8)],
            style,
        )),
        Marker::Diamond => area.draw(&Polygon::new(
            [at(0.0, -1.3), at(1.1, 0.0), at(0.0, 1.3), at(-1.1, 0.0)],
            style,
        )),
        Marker::Cross => crossing([((-1.0, -1.0), (1.0, 1.0)), ((-1.0, 1.0), (1.0, -1.0))]),
        Marker::Plus => crossing([((-1.2, 0.0), (1.2, 0.0)), ((0.0, -1.2), (0.0, 1.2))]),
    }
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn rgb((r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

fn ink(color: Rgb, width: f64) -> ShapeStyle {
    rgb(color).stroke_width((width * FINE).round() as u32)
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
