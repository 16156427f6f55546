//! What a run that was forked has made of its workspace so far, beside what the earlier run had made of it by then: where the two
//! differ, what that one has seen there is not what this one would see.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::effect::{At, FileChange, Footprint, LeftFile};

/// The two, side by side.
#[derive(Debug, Default)]
pub(super) struct Footing {
    /// What the earlier run has changed, in order.
    then: Vec<Footprint>,
    /// The files that this run has changed itself, or has not where the earlier one did.
    touched: BTreeMap<String, Touched>,
    /// The first command of this run that may have changed more than anybody knows: its node.
    beyond: Option<String>,
    /// The calls that this run has come to by now, by key.
    come_to: BTreeSet<String>,
    /// Has it taken over what an earlier call saw of the workspace, or changed in it?
    joined: bool,
    /// It has looked at what the earlier run did later than that, before it took anything over: nothing is taken over then.
    parted: Option<Ahead>,
}

/// A change of the earlier run that this one has not come to, and that stands in the workspace all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) path: String,
    /// Who made it.
    pub(super) node: String,
}

#[derive(Debug)]
struct Touched {
    /// What stood there before this run touched it.
    before: Option<Digest>,
    now: Option<LeftFile>,
    /// The node that touched it last, and whether it changed it.
    by: (String, bool),
}

/// What a file was when the earlier run looked.
enum Expected<'a> {
    Left(Option<&'a LeftFile>),
    /// Its bytes are known, and not its mode.
    Bytes(Option<Digest>),
}

impl Footing {
    /// Beside what an earlier run has changed.
    pub(super) fn beside(then: Vec<Footprint>) -> Self {
        Self { then, ..Self::default() }
    }

    /// A call of this run has ended. `stands` tells what stands at a path now.
    pub(super) fn note(&mut self, did: &Footprint, stands: &dyn Fn(&str) -> Option<LeftFile>) {
        self.come_to.insert(did.key.clone());
        if did.recalled {
            // nothing was done
            self.joined = true;
            return;
        }
        for (path, FileChange { before, after }) in &did.files {
            let before = self.touched.get(path).map_or(*before, |touched| touched.before);
            let by = (did.node().to_owned(), true);
            self.touched.insert(path.clone(), Touched { before, now: after.clone(), by });
        }
        let namesakes = self.then.iter().filter(|then| then.key == did.key);
        let missed: Vec<String> = namesakes
            .flat_map(|then| then.files.keys())
            .filter(|path| !did.files.contains_key(*path))
            .cloned()
            .collect();
        for path in missed {
            let now = stands(&path);
            let before = self
                .touched
                .get(&path)
                .map_or(now.as_ref().map(|file| file.digest), |touched| touched.before);
            self.touched.insert(path, Touched { before, now, by: (did.node().to_owned(), false) });
        }
        if did.beyond && self.beyond.is_none() {
            self.beyond = Some(did.node().to_owned());
        }
    }

    /// Which later change a look at the workspace would see, at a path of which `looks` is true.
    pub(super) fn ahead(
        &self,
        looks: &dyn Fn(&str) -> bool,
        stands: &dyn Fn(&str) -> Option<LeftFile>,
    ) -> Option<Ahead> {
        let later = self.then.iter().filter(|then| !self.come_to.contains(&then.key));
        let changes =
            later.flat_map(|then| then.files.iter().map(move |(path, change)| (then, path, change)));
        let mut seen = changes.filter(|(_, path, _)| looks(path));
        let found = seen.find(|(_, path, change)| {
            let now = stands(path);
            now == change.after && !self.is_due(path, now.as_ref())
        });
        found.map(|(then, path, _)| Ahead { path: path.clone(), node: then.node().to_owned() })
    }

    /// Is this what stands at a path by what this run has come to?
    fn is_due(&self, path: &str, now: Option<&LeftFile>) -> bool {
        if let Some(touched) = self.touched.get(path) {
            return touched.now.as_ref() == now;
        }
        let mut changes = self.then.iter().filter_map(|then| Some((&then.key, then.files.get(path)?)));
        let come_to = changes.clone().rev().find(|(key, _)| self.come_to.contains(*key));
        match (come_to, changes.next()) {
            (Some((_, change)), _) => change.after.as_ref() == now,
            (None, Some((_, change))) => change.before == now.map(|file| file.digest),
            (None, None) => true,
        }
    }

    /// Has anything been taken over that is of the workspace?
    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    /// Nothing is taken over from here on: this run goes on from the workspace as it is.
    pub(super) fn part(&mut self, ahead: Ahead) {
        self.parted.get_or_insert(ahead);
    }

    /// Why nothing is taken over any more.
    pub(super) fn parted(&self) -> Option<String> {
        let Ahead { path, node } = self.parted.as_ref()?;
        Some(format!("this run has looked at `{path}` as `{node}` left it later in the earlier run"))
    }

    /// Why what a call of the earlier run has seen of the workspace, which began there at `at`, is not there now.
    pub(super) fn seen_otherwise(&self, at: At) -> Option<String> {
        let differs = |(path, touched): &(&String, &Touched)| match self.expected(path, touched, at) {
            Expected::Left(left) => left != touched.now.as_ref(),
            Expected::Bytes(bytes) => bytes != touched.now.as_ref().map(|file| file.digest),
        };
        let found = self.touched.iter().find(differs);
        found.map(|(path, touched)| told(path, touched)).or_else(|| self.may_be_otherwise())
    }

    /// Why what a patch of the earlier run has left is not there now.
    pub(super) fn left_otherwise(
        &self,
        left: &BTreeMap<String, FileChange>,
        stands: &dyn Fn(&str) -> Option<LeftFile>,
    ) -> Option<String> {
        left.iter().find_map(|(path, change)| match self.touched.get(path) {
            Some(touched) if touched.now != change.after => Some(told(path, touched)),
            None if self.beyond.is_some() && stands(path) != change.after => self.may_be_otherwise(),
            _ => None,
        })
    }

    fn may_be_otherwise(&self) -> Option<String> {
        let node = self.beyond.as_ref()?;
        Some(format!("the workspace may not be what it was then: a command of `{node}` was let write in it"))
    }

    /// What the last change before has left; without one, what the first change behind has met.
    fn expected(&self, path: &str, touched: &Touched, at: At) -> Expected<'_> {
        let mut changes = self.then.iter().filter_map(|then| Some((then.at, then.files.get(path)?)));
        let before = self.then.iter().rev().filter(|then| then.at < at).find_map(|then| then.files.get(path));
        match (before, changes.next()) {
            (Some(change), _) => Expected::Left(change.after.as_ref()),
            (None, Some((_, change))) => Expected::Bytes(change.before),
            (None, None) => Expected::Bytes(touched.before),
        }
    }
}

fn told(path: &str, Touched { by: (node, changed), .. }: &Touched) -> String {
    let what = if *changed {
        format!("`{node}` changed `{path}`")
    } else {
        format!("`{node}` did not change `{path}`")
    };
    format!("the workspace is not what it was then: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> Option<LeftFile> {
        (!text.is_empty()).then(|| LeftFile { digest: Digest::of(text), mode: "100644".to_owned() })
    }

    /// A call that found `before` and left `after` at each path; nothing is an empty text.
    fn did(key: &str, at: u64, files: &[(&str, &str, &str)]) -> Footprint {
        let files = files.iter().map(|(path, before, after)| {
            let before = (!before.is_empty()).then(|| Digest::of(before));
            ((*path).to_owned(), FileChange { before, after: left(after) })
        });
        Footprint { key: key.to_owned(), at: (at, 0), files: files.collect(), ..Footprint::default() }
    }

    fn nothing(_: &str) -> Option<LeftFile> {
        None
    }

    fn then() -> Footing {
        Footing::beside(vec![
            did("one!1", 4, &[("h", "", "good")]),
            did("two!1", 8, &[("h", "good", "better")]),
        ])
    }

    #[test]
    fn only_what_was_made_can_make_a_difference() {
        let mut footing = then();
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        footing.note(&Footprint { recalled: true, ..did("one!1", 3, &[("h", "", "other")]) }, &nothing);
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        footing.note(&did("one!1", 3, &[("h", "better", "good")]), &nothing);
        // as it was between the two, and not behind both
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        let why = "the workspace is not what it was then: `one` changed `h`";
        assert_eq!(footing.seen_otherwise((9, 0)).as_deref(), Some(why));
        assert_eq!(footing.seen_otherwise((2, 0)).as_deref(), Some(why));
        // the second patch is not there any more, the first is
        let of =
            |after: &str| BTreeMap::from([("h".to_owned(), FileChange { before: None, after: left(after) })]);
        assert_eq!(footing.left_otherwise(&of("better"), &nothing).as_deref(), Some(why));
        assert_eq!(footing.left_otherwise(&of("good"), &nothing), None);
        footing.note(&did("two!1", 5, &[("h", "good", "better")]), &nothing);
        assert_eq!(
            (footing.seen_otherwise((9, 0)), footing.left_otherwise(&of("better"), &nothing)),
            (None, None)
        );
    }

    #[test]
    fn other_files_and_changes_that_are_not_made_count_as_well() {
        let mut footing = then();
        footing.note(&did("new!1", 3, &[("i", "x", "y")]), &nothing);
        let why = "the workspace is not what it was then: `new` changed `i`";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
        // put back as it was
        footing.note(&did("back!1", 4, &[("i", "y", "x")]), &nothing);
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        let stands = |_: &str| left("better");
        footing.note(&did("one!1", 5, &[]), &stands);
        assert_eq!(footing.seen_otherwise((9, 0)), None, "it stands as it was left all the same");
        let why = "the workspace is not what it was then: `one` did not change `h`";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
    }

    #[test]
    fn what_stands_already_and_was_not_come_to_is_ahead() {
        let mut footing = then();
        let (all, better) = (|_: &str| true, |_: &str| left("better"));
        let two = Some(Ahead { path: "h".to_owned(), node: "two".to_owned() });
        assert_eq!(footing.ahead(&all, &better), two);
        assert_eq!(footing.ahead(&|path| path != "h", &better), None);
        // it was taken back, or somebody has written something else
        assert_eq!((footing.ahead(&all, &nothing), footing.ahead(&all, &|_| left("x"))), (None, None));
        footing.note(&Footprint { recalled: true, ..did("one!1", 3, &[]) }, &nothing);
        assert!(footing.is_joined());
        assert_eq!((footing.ahead(&all, &better), footing.ahead(&all, &|_| left("good"))), (two, None));
        footing.note(&Footprint { recalled: true, ..did("two!1", 4, &[]) }, &nothing);
        assert_eq!(footing.ahead(&all, &better), None);
        // what it has made itself is its own
        let mut footing = then();
        footing.note(&did("new!1", 3, &[("h", "better", "better")]), &better);
        assert_eq!((footing.ahead(&all, &better), footing.is_joined()), (None, false));
        footing.part(Ahead { path: "h".to_owned(), node: "two".to_owned() });
        let why = "this run has looked at `h` as `two` left it later in the earlier run";
        assert_eq!(footing.parted().as_deref(), Some(why));
    }

    #[test]
    fn what_a_command_may_have_written_is_not_known() {
        let mut footing = then();
        footing.note(&Footprint { beyond: true, ..did("build!1", 3, &[]) }, &nothing);
        let why = "the workspace may not be what it was then: a command of `build` was let write in it";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
        let of = BTreeMap::from([("h".to_owned(), FileChange { before: None, after: left("better") })]);
        assert_eq!(footing.left_otherwise(&of, &|_| left("better")), None);
        assert_eq!(footing.left_otherwise(&of, &nothing).as_deref(), Some(why));
    }
}
