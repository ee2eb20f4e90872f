//! A picture of all figures, each relative to its floor.
//!
//! All figures share one logarithmic scale: 1 is the floor, and values to the right are better. The line is the median,
//! the dots are the rounds, and the triangle is the aim.

use std::fmt::Write as _;

use super::record::Record;
use crate::figure::{Better, Figure, Measurement, Promise, shown};
use crate::rows::Row;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 40.0;
const LINE: f64 = 22.0;
/// The ends of the scale. Values outside of it are drawn at its ends.
const LOWEST: f64 = 0.5;
const HIGHEST: f64 = 16.0;

/// Returns the picture as SVG, readable on light and dark backgrounds.
pub(super) fn plot(records: &[(&'static Row, Record)]) -> String {
    let figures: Vec<Figure> = records.iter().flat_map(|(row, record)| record.figures(row)).collect();
    let height = lines_down(figures.len()) + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"ui-sans-serif,system-ui,sans-serif\" \
         font-size=\"12\" role=\"img\" aria-label=\"Every figure beside its floor and its aim\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    // Writing to a string cannot fail, here and below.
    for times in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0] {
        let (x, bottom) = (across(times), height - 15.0);
        let (colour, name) = if (times - 1.0).abs() < f64::EPSILON {
            ("#444444", "floor".to_owned())
        } else {
            ("#dddddd", format!("{times}×"))
        };
        let _ = writeln!(svg, "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{colour}\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444444\">{name}</text>",
            TOP - 8.0
        );
    }
    for (number, figure) in figures.iter().enumerate() {
        draw(&mut svg, figure, lines_down(number));
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, figure: &Figure, y: f64) {
    let promise = figure.promise;
    let colour = match figure.verdict() {
        "aim reached" => "#1a7f37",
        "met" => "#0969da",
        _ => "#cf222e",
    };
    let middle = y + LINE / 2.0;
    let text = middle + 4.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\" fill=\"#222222\">{}</text>",
        LEFT - 10.0,
        promise.id
    );
    let Some(median) = figure.median() else {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{text:.1}\" fill=\"#777777\">{}</text>",
            across(1.0) + 8.0,
            figure.verdict()
        );
        return;
    };
    let x = across(times_better(promise, median));
    let (from, to) = (across(1.0).min(x), across(1.0).max(x));
    let _ = writeln!(
        svg,
        "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" fill=\"{colour}\" opacity=\"0.35\"/>",
        middle - 3.0,
        to - from
    );
    if let Measurement::Rounds(rounds) = &figure.found {
        for round in rounds {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"2\" fill=\"{colour}\"/>",
                across(times_better(promise, *round))
            );
        }
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
        middle - 7.0,
        middle + 7.0
    );
    let aim = across(times_better(promise, promise.aim));
    let _ =
        writeln!(svg, "<path d=\"M{aim:.1} {:.1}l-4 -6h8z\" fill=\"#9a6700\"><title>aim</title></path>", middle - 3.0);
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text:.1}\" fill=\"#222222\">{} ({} {})</text>",
        WIDTH - RIGHT + 10.0,
        shown(median),
        promise.sign(),
        promise.floor
    );
}

/// Returns how many times a value is better than the floor.
fn times_better(promise: &Promise, value: f64) -> f64 {
    match promise.better {
        Better::Higher => value / promise.floor,
        Better::Lower => promise.floor / value,
    }
}

fn across(times: f64) -> f64 {
    let place = (times.clamp(LOWEST, HIGHEST) / LOWEST).log2() / (HIGHEST / LOWEST).log2();
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn lines_down(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are some dozens of figures")]
    let count = count as f64;
    TOP + count * LINE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::example::{MISSED_AND_NOT_RUN, record};

    #[test]
    fn the_picture_has_a_dot_for_each_round_and_says_what_did_not_run() {
        let svg = plot(&[(&MISSED_AND_NOT_RUN, record())]);
        let picture = roxmltree::Document::parse(&svg).unwrap();
        let named = |name| picture.descendants().filter(move |node| node.has_tag_name(name));
        assert_eq!(named("circle").count(), 3);
        assert!(named("text").any(|node| node.text() == Some("not run")));
        assert!(named("text").any(|node| node.text() == Some("3.00 (≥ 4)")));
    }

    #[test]
    fn better_is_always_to_the_right_of_the_floor() {
        let (higher, lower) = (Promise::at_least("x", 4.0, 8.0, ""), Promise::at_most("x", 4.0, 1.0, ""));
        assert!(across(times_better(&higher, 8.0)) > across(1.0) && across(times_better(&higher, 2.0)) < across(1.0));
        assert!(across(times_better(&lower, 1.0)) > across(1.0) && across(times_better(&lower, 8.0)) < across(1.0));
        assert!((across(0.001) - LEFT).abs() < 0.01);
    }
}
