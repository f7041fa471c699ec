//! The embedded typeface: text widths for layout, and PNG pictures of SVG figures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use resvg::{tiny_skia, usvg};

use crate::{Error, Result};

/// What an SVG of this room names as its typeface: Arimo, then families with the same widths.
pub const FAMILY: &str = "Arimo, Arial, 'Liberation Sans', Helvetica, sans-serif";

/// PNG pixels per SVG pixel: 300 dots per inch at a printed width of 6 inches.
const PIXELS: f32 = 2.5;

const REGULAR: &[u8] = include_bytes!("fonts/Arimo-Regular-latin.ttf");
const BOLD: &[u8] = include_bytes!("fonts/Arimo-Bold-latin.ttf");

fn options() -> usvg::Options<'static> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut database = usvg::fontdb::Database::new();
        database.load_font_data(REGULAR.to_vec());
        database.load_font_data(BOLD.to_vec());
        database.set_sans_serif_family("Arimo");
        Arc::new(database)
    });
    usvg::Options {
        fontdb: fonts.clone(),
        font_family: "Arimo".into(),
        ..usvg::Options::default()
    }
}

/// Parses an SVG with the embedded typeface.
pub fn parse(svg: &str) -> Result<usvg::Tree> {
    usvg::Tree::from_str(svg, &options())
        .map_err(|error| Error::run(format!("a figure is not valid SVG: {error}")))
}

/// The picture of `svg` as a PNG file.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = parse(svg)?;
    let size = tree.size();
    let pixels = |length: f32| (length * PIXELS).ceil() as u32;
    let failed = |what: &str| Error::run(format!("a figure cannot be drawn as PNG: {what}"));
    let mut canvas = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| failed("its size"))?;
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(PIXELS, PIXELS),
        &mut canvas.as_mut(),
    );
    canvas
        .encode_png()
        .map_err(|error| failed(&error.to_string()))
}

/// Width of `text` in px at font size `size`.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    static SEEN: OnceLock<Mutex<HashMap<(String, bool), f64>>> = OnceLock::new();
    if text.is_empty() {
        return 0.0;
    }
    let key = (text.to_owned(), bold);
    let Ok(mut seen) = SEEN.get_or_init(Mutex::default).lock() else {
        return estimate(text, size);
    };
    let per_px = *seen
        .entry(key)
        .or_insert_with(|| measure(text, bold).unwrap_or_else(|| estimate(text, 1.0)));
    per_px * size
}

/// Width at font size 1, from the bounding box of the text laid out at size 100.
fn measure(text: &str, bold: bool) -> Option<f64> {
    let weight = if bold { "bold" } else { "normal" };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text font-family=\"Arimo\" font-size=\"100\" font-weight=\"{weight}\">{}</text></svg>",
        escape(text)
    );
    let tree = parse(&svg).ok()?;
    Some(f64::from(tree.root().bounding_box().width()) / 100.0)
}

fn estimate(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * 0.55 * size
}

/// Breaks `text` between words into lines no wider than `limit` px.
pub fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, false) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` cut to `limit` px with an ellipsis, for names that a figure cannot hold.
pub fn fit(text: &str, size: f64, limit: f64) -> String {
    if width(text, size, false) <= limit {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while !kept.is_empty() && width(&format!("{kept}…"), size, false) > limit {
        kept.pop();
    }
    kept + "…"
}

/// `text` for the inside of an XML element or attribute; control characters, which XML forbids, are dropped.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_arials() {
        // Arial's advance widths (units of 1/2048 em): m 1706, i 455; the box leaves out side bearings.
        let ten = width("mmmmmmmmmm", 12.0, false);
        assert!((ten - 10.0 * 1706.0 / 2048.0 * 12.0).abs() < 2.0, "{ten}");
        assert!(width("iiiiiiiiii", 12.0, false) < ten / 3.0);
        assert!(width("saez", 12.0, true) > width("saez", 12.0, false));
    }

    #[test]
    fn text_is_wrapped_and_cut() {
        let lines = wrap("one two three four five six", 12.0, 60.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 12.0, false) <= 60.0));
        assert!(width(&fit(&"x".repeat(100), 12.0, 80.0), 12.0, false) <= 80.0);
    }

    #[test]
    fn hostile_text_is_escaped() {
        assert_eq!(
            escape("<script a='b'>&\u{1}"),
            "&lt;script a=&#39;b&#39;&gt;&amp; "
        );
    }
}
