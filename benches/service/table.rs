//! What was measured, beside what is aimed at.

/// Rows of what, aim and measured.
#[derive(Default)]
pub struct Table(Vec<Row>);

struct Row {
    what: String,
    aim: String,
    measured: String,
    missed: bool,
}

impl Table {
    /// What has no aim.
    pub fn tell(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.0.push(Row { what: what.into(), aim: "–".into(), measured: measured.into(), missed: false });
    }

    /// What has one: is it met?
    pub fn hold(
        &mut self,
        what: impl Into<String>,
        aim: impl Into<String>,
        measured: impl Into<String>,
        met: bool,
    ) {
        self.0.push(Row { what: what.into(), aim: aim.into(), measured: measured.into(), missed: !met });
    }

    /// All of it, as it stands in the documentation.
    pub fn print(&self) {
        println!("| what | aim | measured |\n| --- | --- | --- |");
        for Row { what, aim, measured, missed } in &self.0 {
            let missed = if *missed { ": **missed**" } else { "" };
            println!("| {what} | {aim} | {measured}{missed} |");
        }
    }
}
