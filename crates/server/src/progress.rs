//! How far long work has come: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

const REDRAWN_EVERY: Duration = Duration::from_millis(100);

/// Shown for as long as it is kept.
pub struct Progress(ProgressBar);

impl Progress {
    /// Of work whose end is not known.
    pub fn of(what: &'static str) -> Progress {
        let bar = ProgressBar::new_spinner();
        Progress::shown(bar, "{spinner} {msg} {elapsed}", what)
    }

    /// Of so many bytes.
    pub fn of_bytes(what: &'static str, bytes: u64) -> Progress {
        let bar = ProgressBar::new(bytes);
        let template = "{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left";
        Progress::shown(bar, template, what)
    }

    fn shown(bar: ProgressBar, template: &str, what: &'static str) -> Progress {
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.expect("a template of this file"));
        bar.set_message(what);
        bar.enable_steady_tick(REDRAWN_EVERY);
        Progress(bar)
    }

    /// Something else is done now.
    pub fn now(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// Takes how many percent of it are done.
    pub fn percents(&self, what: &'static str) -> impl Fn(u8) + Send + 'static {
        let bar = self.0.clone();
        move |percent| bar.set_message(format!("{what} {percent} %"))
    }

    /// There is so much to be done.
    pub fn out_of(&self, all: u64) {
        self.0.set_length(all);
    }

    /// So much is done.
    pub fn at(&self, done: u64) {
        self.0.set_position(done);
    }

    /// So much more is done.
    pub fn add(&self, done: u64) {
        self.0.inc(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        Progress::of("working").now("still working");
        let bytes = Progress::of_bytes("copying", 10);
        bytes.at(5);
        bytes.add(2);
        assert_eq!(bytes.0.position(), 7);
    }
}
