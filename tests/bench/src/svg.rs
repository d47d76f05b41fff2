// SPDX-License-Identifier: GPL-2.0-only

//! Charts as SVG, readable on light and dark backgrounds.

use std::fmt::Write;

const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; fill: #24292f; }
.strong { font-weight: 600; fill: #24292f; }
.axis { stroke: #8c959f; }
.grid { stroke: #8c959f; stroke-opacity: 0.25; }
.spread { stroke: #57606a; }
@media (prefers-color-scheme: dark) {
text { fill: #9da7b3; }
.title, .strong { fill: #e6edf3; }
.spread { stroke: #9da7b3; }
}
</style>
";

/// The colour of a scheduler, a rival or a distribution; the same in all charts, and distinct also
/// without red and green.
pub fn colour(name: &str) -> &'static str {
    match name {
        "ioem" | "uniform" => "#0f7ae5",
        "fifo" => "#56b4e9",
        "fifo-rust" => "#cc79a7",
        "mq-deadline" | "pareto" => "#e69f00",
        "kyber" | "normal" => "#009e73",
        "bfq" | "dm-delay" | "io.max" | "paretonormal" => "#d55e00",
        _ => "#8c8c8c",
    }
}

/// The scale by which numbers become places on an axis.
#[derive(Clone, Copy)]
pub enum Scale {
    /// Equal steps are differences. From the least to the greatest number.
    Linear(f64, f64),
    /// Equal steps are quotients. From the least to the greatest number.
    Logarithmic(f64, f64),
}

impl Scale {
    /// From 0 to 1 within the axis.
    fn share(self, value: f64) -> f64 {
        match self {
            Self::Linear(low, high) => (value - low) / (high - low),
            Self::Logarithmic(low, high) => (value.max(low) / low).ln() / (high / low).ln(),
        }
    }
}

/// A part of the drawing with axes of its own.
pub struct Panel {
    /// The left edge in the drawing.
    pub left: f64,
    /// The upper edge in the drawing.
    pub top: f64,
    /// From the left to the right edge.
    pub width: f64,
    /// From the upper to the lower edge.
    pub height: f64,
    /// From the left on.
    pub x: Scale,
    /// From below on.
    pub y: Scale,
}

impl Panel {
    /// The place of a number across the drawing.
    pub fn x(&self, value: f64) -> f64 {
        self.left + self.width * self.x.share(value)
    }

    /// The place of a number down the drawing.
    pub fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - self.y.share(value).clamp(0.0, 1.0))
    }
}

/// A drawing that grows.
pub struct Drawing {
    body: String,
    width: f64,
    height: f64,
}

/// The end of a text that its place is about.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// The text begins there.
    Start,
    /// Half of the text is on each side.
    Middle,
    /// The text ends there.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Drawing {
    /// A drawing of this size, with a title above.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let mut drawing = Self {
            body: String::new(),
            width,
            height,
        };
        drawing.add(format_args!("<title>{title}</title>"));
        drawing.text(width / 2.0, 22.0, Anchor::Middle, "title", title);
        drawing
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    /// A line of text.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = anchor.name();
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        ));
    }

    /// A line of a class in the style.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    /// A line of this width, in the colour of a name.
    pub fn thick_line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, name: &str) {
        let ((x1, y1), (x2, y2), colour) = (from, to, colour(name));
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linecap=\"round\"/>"
        ));
    }

    /// A filled rectangle, in the colour of a name.
    pub fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, name: &str) {
        let colour = colour(name);
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        ));
    }

    /// A filled circle, in the colour of a name.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, name: &str) {
        let ((x, y), colour) = (at, colour(name));
        self.add(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"
        ));
    }

    /// A line through these points, in the colour of a name.
    pub fn path(&mut self, points: &[(f64, f64)], name: &str) {
        let colour = colour(name);
        let width = if name == "ioem" { 2.5 } else { 1.5 };
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
        ));
    }

    /// The frame of a panel, with a line and a text at each of these values of y, and the axes'
    /// labels.
    pub fn frame(&mut self, panel: &Panel, ticks: &[(f64, String)], x_label: &str, y_label: &str) {
        let (left, right) = (panel.left, panel.left + panel.width);
        let bottom = panel.top + panel.height;
        for (value, text) in ticks {
            let y = panel.y(*value);
            self.line((left, y), (right, y), "grid");
            self.text(left - 6.0, y + 4.0, Anchor::End, "", text);
        }
        self.line((left, bottom), (right, bottom), "axis");
        self.text(
            (left + right) / 2.0,
            bottom + 38.0,
            Anchor::Middle,
            "",
            x_label,
        );
        let middle = panel.top + panel.height / 2.0;
        let x = left - 56.0;
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {x:.1} {middle:.1})\">{y_label}</text>"
        ));
    }

    /// The names with their colours, in one line.
    pub fn legend(&mut self, names: &[&str], y: f64) {
        let width = |name: &str| 28.0 + 7.0 * name.len() as f64;
        let all: f64 = names.iter().map(|name| width(name)).sum();
        let mut x = (self.width - all) / 2.0;
        for name in names {
            self.rectangle(x, y - 9.0, 10.0, 10.0, name);
            let class = if *name == "ioem" { "strong" } else { "" };
            self.text(x + 15.0, y, Anchor::Start, class, name);
            x += width(name);
        }
    }

    /// The drawing as a file.
    pub fn finish(self) -> String {
        let Self {
            body,
            width,
            height,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n{STYLE}{body}</svg>\n"
        )
    }
}
