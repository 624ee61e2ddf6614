//! The figures as a picture: how much of each budget is used.

use std::fmt::Write as _;

use super::figures::{Figures, Share};

const WIDTH: usize = 760;
const LABEL: usize = 250;
const BAR: usize = 14;
const GAP: usize = 6;
/// The length of a bar at 100%.
const FULL: usize = 360;
/// The longest bar; what is longer says so in figures.
const SHARE_MAX: f64 = 1.25;

/// An SVG with a bar for each budget of each function.
pub(crate) fn chart(all: &[Figures]) -> String {
    let mut body = String::new();
    let mut y = 40;
    for figures in all {
        text(&mut body, (10, y + BAR), "bold", &figures.function);
        y += BAR + GAP;
        for share in figures.shares() {
            bar(&mut body, y, &share);
            y += BAR + GAP;
        }
        y += GAP;
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(&mut svg, (LABEL, 20), "bold", "used of each budget; the line is all of it");
    svg.push_str(&body);
    let x = LABEL + FULL;
    // Writing to a string cannot fail.
    writeln!(svg, "<line x1=\"{x}\" x2=\"{x}\" y1=\"30\" y2=\"{y}\" stroke=\"#444444\"/>\n</svg>")
        .unwrap_or_default();
    svg
}

fn bar(svg: &mut String, y: usize, share: &Share) {
    let used = share.value / share.budget;
    let length = used.min(SHARE_MAX) * FULL as f64;
    let colour = if used > 1.0 { "#c0392b" } else { "#2e7d5b" };
    text(svg, (24, y + BAR - 3), "normal", share.name);
    // Writing to a string cannot fail.
    writeln!(
        svg,
        "<rect x=\"{LABEL}\" y=\"{y}\" width=\"{length:.0}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    )
    .unwrap_or_default();
    let figures = format!("{:.2} of {:.2}", share.value, share.budget);
    text(svg, (LABEL + 6 + (SHARE_MAX * FULL as f64) as usize, y + BAR - 3), "normal", &figures);
}

fn text(svg: &mut String, (x, y): (usize, usize), weight: &str, text: &str) {
    // Writing to a string cannot fail. Names of functions and budgets need no escaping.
    writeln!(svg, "<text x=\"{x}\" y=\"{y}\" font-weight=\"{weight}\">{text}</text>")
        .unwrap_or_default();
}
