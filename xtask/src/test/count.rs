//! Adds up the summaries of the test runners.

use std::fmt;

/// The number of tests by result.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The number of passed tests that failed at the first attempt.
    flaky: u64,
}

impl Count {
    /// Adds a line of output if it is a summary of either runner:
    /// `test result: ok. 10 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s`,
    /// `     Summary [   0.912s] 40 tests run: 38 passed (1 slow), 2 failed, 3 skipped`.
    pub(super) fn add(&mut self, line: &str) {
        let line = without_colours(line);
        // nextest repeats the output of a failed test, which includes an indented summary.
        if !line.starts_with("test result:") && !line.trim_start().starts_with("Summary [") {
            return;
        }
        let line = line.trim_start();
        self.passed += number_before(line, "passed");
        // In brackets after the passed ones: `(1 slow, 2 flaky)`.
        self.flaky += line.split(['(', ',', ')']).map(|part| number_before(part, "flaky")).sum::<u64>();
        self.failed +=
            number_before(line, "failed") + number_before(line, "timed out") + number_before(line, "exec failed");
        self.skipped +=
            ["skipped", "ignored", "filtered out"].iter().map(|word| number_before(line, word)).sum::<u64>();
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)?;
        if self.flaky > 0 {
            write!(
                formatter,
                "; {} passed only at the second attempt, marked FLAKY above: find the cause",
                self.flaky
            )?;
        }
        Ok(())
    }
}

/// Returns the number before a word, or 0 if the word does not occur.
fn number_before(line: &str, word: &str) -> u64 {
    let parts = line.split([',', ';', ':', '.']).map(str::trim);
    let mut numbers = parts.filter_map(|part| {
        let (number, rest) = part.split_once(' ')?;
        let said = rest == word || rest.strip_prefix(word).is_some_and(|more| more.starts_with(" ("));
        if said { number.parse::<u64>().ok() } else { None }
    });
    numbers.next().unwrap_or(0)
}

/// Returns the line without terminal escapes.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut escaped = false;
    for letter in line.chars() {
        match letter {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_summaries_of_both_runners() {
        let mut count = Count::default();
        count.add("test result: ok. 10 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s");
        count
            .add("\u{1b}[32;1m     Summary\u{1b}[0m [   0.912s] 40 tests run: 38 passed (1 slow), 2 failed, 3 skipped");
        count.add("     Summary [   9.000s] 2 tests run: 1 passed, 1 timed out, 0 skipped");
        count.add("     Summary [   9.000s] 4 tests run: 4 passed (1 slow, 2 flaky), 0 skipped");
        count.add("     Summary [   9.000s] 1 test run: 1 passed (1 flaky), 0 skipped");
        count.add("test a_test_with_3 passed ... ok");
        count.add(
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0.00s",
        );
        assert_eq!(count, Count { passed: 54, failed: 3, skipped: 6, flaky: 3 });
        let shown = count.to_string();
        assert!(shown.starts_with("54 passed, 3 failed, 6 skipped; 3 passed only at the second attempt"), "{shown}");
        assert_eq!(Count { flaky: 0, ..count }.to_string(), "54 passed, 3 failed, 6 skipped");
    }
}
