//! How an arm looks: the same colour, dash pattern and marker in every figure.

/// Shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle, point up.
    Up,
    /// Filled triangle, point down.
    Down,
    /// Filled square on its corner.
    Diamond,
    /// Two crossing strokes.
    Cross,
    /// An upright cross.
    Plus,
}

/// Colour, dash pattern, line width and marker of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Red, green, blue.
    pub color: (u8, u8, u8),
    /// Lengths of strokes and gaps in px; empty for a solid line.
    pub dash: &'static [f64],
    /// Line width in px. Arms drawn first are wider, so that a line beneath another one shows.
    pub width: f64,
    /// Point shape.
    pub marker: Marker,
    /// Drawing order: lower ranks first.
    pub rank: u8,
}

const fn look(
    color: (u8, u8, u8),
    dash: &'static [f64],
    width: f64,
    marker: Marker,
    rank: u8,
) -> Look {
    Look {
        color,
        dash,
        width,
        marker,
        rank,
    }
}

/// Looks of the planners by the start of their name. Colours are Okabe and Ito's (2008), darkened where
/// they are too light for lines, so that colour-blind readers can tell them apart; dashes and markers do the
/// same in grey.
const KNOWN: [(&str, Look); 15] = [
    ("optimal", look((20, 20, 20), &[], 3.4, Marker::Diamond, 0)),
    (
        "none",
        look((130, 130, 130), &[1.6, 2.6], 2.4, Marker::Cross, 1),
    ),
    (
        "us-",
        look((0, 114, 178), &[9.0, 3.5], 2.4, Marker::Square, 2),
    ),
    (
        "saez-static",
        look((224, 145, 0), &[4.5, 2.5], 2.2, Marker::Up, 3),
    ),
    (
        "saez-fixed-point",
        look((0, 145, 105), &[8.0, 2.5, 1.8, 2.5], 1.8, Marker::Down, 4),
    ),
    (
        "saez-estimated",
        look((188, 95, 150), &[2.6, 2.0], 1.8, Marker::Plus, 5),
    ),
    (
        "flat",
        look(
            (140, 95, 205),
            &[12.0, 3.0, 3.0, 3.0],
            2.0,
            Marker::Circle,
            6,
        ),
    ),
    (
        "fixed",
        look((110, 80, 40), &[6.0, 4.0], 2.0, Marker::Square, 7),
    ),
    ("llm", look((213, 80, 0), &[], 1.9, Marker::Circle, 9)),
    (
        "hybrid",
        look((150, 30, 30), &[7.0, 2.0], 1.9, Marker::Circle, 9),
    ),
    (
        "search-random",
        look((150, 150, 90), &[2.0, 2.0], 1.5, Marker::Cross, 8),
    ),
    (
        "search-hill-climb",
        look((100, 60, 160), &[], 1.6, Marker::Diamond, 8),
    ),
    (
        "search-cma-es",
        look((60, 130, 60), &[6.0, 2.0, 1.5, 2.0], 1.7, Marker::Plus, 8),
    ),
    (
        "search-bandit",
        look((200, 110, 150), &[9.0, 3.0], 1.7, Marker::Up, 8),
    ),
    (
        "search-bayesian",
        look((20, 60, 120), &[4.0, 1.5], 2.0, Marker::Diamond, 8),
    ),
];

/// Looks for arms with other names, and for further arms with a known start.
const SPARE: [Look; 6] = [
    look((100, 60, 160), &[5.0, 2.0, 1.5, 2.0], 1.8, Marker::Plus, 10),
    look((150, 110, 10), &[7.0, 3.0], 1.8, Marker::Diamond, 10),
    look((160, 20, 60), &[3.0, 2.0], 1.8, Marker::Cross, 10),
    look((60, 60, 60), &[10.0, 2.0, 2.0, 2.0], 1.6, Marker::Down, 10),
    look((0, 90, 90), &[2.0, 2.0], 1.8, Marker::Up, 10),
    look((90, 130, 0), &[12.0, 4.0], 1.6, Marker::Circle, 10),
];

/// One look per arm: known planners get theirs, others the next spare one, in order of appearance.
pub fn looks(arms: &[String]) -> Vec<Look> {
    let mut given: Vec<Look> = Vec::new();
    for arm in arms {
        let known = KNOWN
            .iter()
            .find(|(start, _)| arm.starts_with(start))
            .map(|(_, look)| *look);
        let free = |look: &Look| !given.contains(look);
        let chosen = known
            .filter(free)
            .or_else(|| SPARE.iter().copied().find(free));
        given.push(chosen.unwrap_or(SPARE[given.len() % SPARE.len()]));
    }
    given
}

/// Indices of `looks` in drawing order, what matters most last and on top.
pub fn drawing_order(looks: &[Look]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..looks.len()).collect();
    order.sort_by_key(|&i| looks[i].rank);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_arm_always_looks_the_same() {
        let one = looks(&["llm".into(), "us-2024".into()]);
        let two = looks(&["us-2024".into(), "optimal".into(), "llm".into()]);
        assert_eq!((one[0], one[1]), (two[2], two[0]));
    }

    #[test]
    fn no_two_arms_look_alike() {
        let arms: Vec<String> = [
            "us-2024",
            "us-2017",
            "elected",
            "my-planner",
            "llm",
            "llm-2",
            "optimal",
            "none",
        ]
        .map(String::from)
        .into();
        let looks = looks(&arms);
        for (i, look) in looks.iter().enumerate() {
            assert!(!looks[..i].contains(look), "{}", arms[i]);
        }
    }
}
