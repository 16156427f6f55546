//! What a run that was forked has made of its workspace so far, beside what the earlier run had made of it by then: where the two
//! differ, what that one has seen there is not what this one would see.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::effect::{At, FileChange, Footprint, LeftFile};

/// The mode of a file that says nothing of its own.
const PLAIN: &str = "100644";

/// The two, side by side.
#[derive(Debug, Default)]
pub(super) struct Footing {
    /// What the earlier run has changed, in order.
    then: Vec<Footprint>,
    /// What those before it have, with their runs; the last first.
    earlier: Vec<(String, Vec<Footprint>)>,
    /// The files that this run has come to something about.
    files: BTreeMap<String, Standing>,
    /// The first command of this run that may have changed more than anybody knows: its node.
    beyond: Option<String>,
    /// The calls that were answered with what they came to in the earlier run, by key.
    come_to: BTreeSet<String>,
    /// Those that this run has made itself.
    made: BTreeSet<String>,
    /// Has it taken over what an earlier call saw of the workspace, or changed in it?
    joined: bool,
    /// It has looked at what the earlier run did later than that, before it took anything over: nothing is taken over then.
    parted: Option<Ahead>,
}

/// A change of an earlier run that this one has not come to, and that stands in the workspace all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) path: String,
    /// Who made it.
    pub(super) node: String,
    /// By which call, without its run.
    pub(super) key: String,
    /// The run, where it is not the one that is forked.
    pub(super) run: Option<String>,
    /// Has this run made the same call, and come to something else?
    pub(super) otherwise: bool,
}

impl Ahead {
    /// When that was.
    pub(super) fn when(&self) -> &'static str {
        if self.otherwise { "" } else { "later " }
    }
}

/// A file by what this run has come to.
#[derive(Debug)]
struct Standing {
    /// What stood there before this run came to it.
    before: Option<Digest>,
    now: Option<LeftFile>,
    /// Is it not known what stands there?
    untold: bool,
    /// The node that came to it last.
    node: String,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Changed,
    /// It has not changed it, and the earlier run's did.
    Missed,
    TakenOver,
}

impl Footing {
    /// Beside what an earlier run has changed, and those that it was forked from.
    pub(super) fn beside(then: Vec<Footprint>, earlier: Vec<(String, Vec<Footprint>)>) -> Self {
        Self { then, earlier, ..Self::default() }
    }

    /// A call of this run has ended. `stands` tells what stands at a path now.
    pub(super) fn note(&mut self, did: &Footprint, stands: &dyn Fn(&str) -> Option<LeftFile>) {
        let how = if did.recalled { How::TakenOver } else { How::Changed };
        for (path, FileChange { before, after, untold }) in &did.files {
            let before = self.files.get(path).map_or(*before, |file| file.before);
            let node = did.node().to_owned();
            let file = Standing { before, now: after.clone(), untold: *untold, node, how };
            self.files.insert(path.clone(), file);
        }
        if did.recalled {
            // nothing was done
            self.come_to.insert(did.key.clone());
            self.joined = true;
            return;
        }
        self.made.insert(did.key.clone());
        let namesakes = self.then.iter().filter(|then| then.key == did.key);
        let paths = namesakes.flat_map(|then| then.files.keys());
        let missed: Vec<String> = paths.filter(|path| !self.files.contains_key(*path)).cloned().collect();
        for path in missed {
            let (now, untold) = self.due(&path, stands(&path));
            let before = now.as_ref().map(|file| file.digest);
            let node = did.node().to_owned();
            self.files.insert(path, Standing { before, now, untold, node, how: How::Missed });
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
        let before = self.earlier.iter().flat_map(|(run, did)| did.iter().map(move |did| (Some(run), did)));
        let all = self.then.iter().map(|did| (None, did)).chain(before);
        let later = all.filter(|(_, then)| !self.come_to.contains(&then.key));
        let mut changes = later
            .flat_map(|(run, then)| then.files.iter().map(move |(path, change)| (run, then, path, change)));
        let found = changes.find(|(_, _, path, change)| {
            looks(path) && {
                let now = stands(path);
                (change.untold || now == change.after) && !self.is_due(path, now.as_ref())
            }
        });
        found.map(|(run, then, path, _)| Ahead {
            path: path.clone(),
            node: then.node().to_owned(),
            key: then.key.clone(),
            run: run.cloned(),
            otherwise: self.made.contains(&then.key),
        })
    }

    /// What stands at a path by what this run has come to, and whether that is not told. Where only the bytes are known, what stands
    /// tells the mode.
    fn due(&self, path: &str, now: Option<LeftFile>) -> (Option<LeftFile>, bool) {
        if let Some(file) = self.files.get(path) {
            return (file.now.clone(), file.untold);
        }
        let oldest = self.earlier.iter().rev().flat_map(|(_, did)| did).chain(&self.then);
        let mut changes = oldest.filter_map(|then| then.files.get(path));
        let Some(first) = changes.next() else { return (now, false) };
        let mode = now.map_or_else(|| PLAIN.to_owned(), |file| file.mode);
        (first.before.map(|digest| LeftFile { digest, mode }), first.untold)
    }

    /// Is this what stands at a path by what this run has come to?
    fn is_due(&self, path: &str, now: Option<&LeftFile>) -> bool {
        let (due, untold) = self.due(path, now.cloned());
        !untold && due.as_ref() == now
    }

    /// Had the earlier run's patches a file with one mode and then another? One that was not there before has the plain mode first.
    pub(super) fn has_several_modes(&self, path: &str) -> bool {
        let changes: Vec<&FileChange> = self.then.iter().filter_map(|then| then.files.get(path)).collect();
        let is_new = changes.first().is_some_and(|first| first.before.is_none());
        let modes = changes.iter().filter_map(|change| Some(change.after.as_ref()?.mode.as_str()));
        let modes: BTreeSet<&str> = modes.chain(is_new.then_some(PLAIN)).collect();
        modes.len() > 1
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
        let ahead = self.parted.as_ref()?;
        let (path, node, when) = (&ahead.path, &ahead.node, ahead.when());
        Some(format!("this run has looked at `{path}` as `{node}` left it {when}in the earlier run"))
    }

    /// Why what a call of the earlier run has seen of the workspace, which began there at `at`, is not there now.
    pub(super) fn seen_otherwise(&self, at: At) -> Option<String> {
        let then = self.then.iter().flat_map(|then| then.files.keys());
        let paths: BTreeSet<&String> = then.chain(self.files.keys()).collect();
        let found = paths.into_iter().find(|path| self.is_otherwise(path, at));
        found.map(|path| self.why_otherwise(path, at)).or_else(|| self.may_be_otherwise())
    }

    /// Has this run come to something else about a file than the earlier one had at `at`?
    fn is_otherwise(&self, path: &str, at: At) -> bool {
        let mut changes = self.then.iter().filter_map(|then| Some((then.at, then.files.get(path)?)));
        let last = changes.clone().rev().find(|(then, _)| *then < at).map(|(_, change)| change);
        let Some(file) = self.files.get(path) else { return last.is_some() };
        let bytes = file.now.as_ref().map(|file| file.digest);
        file.untold
            || match (last, changes.next()) {
                (Some(last), _) => last.untold || last.after != file.now,
                (None, Some((_, first))) => first.untold || first.before != bytes,
                (None, None) => file.before != bytes,
            }
    }

    /// Why what a patch of the earlier run has left is not there now, or would not be what this one would come to.
    pub(super) fn left_otherwise(
        &self,
        left: &BTreeMap<String, FileChange>,
        stands: &dyn Fn(&str) -> Option<LeftFile>,
    ) -> Option<String> {
        const NEVER: At = (u64::MAX, usize::MAX);
        left.iter().find_map(|(path, change)| {
            let (due, untold) = self.due(path, stands(path));
            let met = !untold && !change.untold && due.map(|file| file.digest) == change.before;
            match self.files.get(path) {
                _ if !met => Some(self.why_otherwise(path, NEVER)),
                Some(file) if file.how == How::Changed && file.now != change.after => {
                    Some(self.why_otherwise(path, NEVER))
                }
                None if self.beyond.is_some() && stands(path) != change.after => self.may_be_otherwise(),
                _ => None,
            }
        })
    }

    fn may_be_otherwise(&self) -> Option<String> {
        let node = self.beyond.as_ref()?;
        Some(format!("the workspace may not be what it was then: a command of `{node}` was let write in it"))
    }

    /// Who made a file another one than it was at `at`: a node of this run, or one that should have and has not.
    fn why_otherwise(&self, path: &str, at: At) -> String {
        let missing = self.then.iter().rev().filter(|then| then.at < at && then.files.contains_key(path));
        let missing = missing.map(|then| (then.node(), self.come_to.contains(&then.key))).next();
        let what = match (self.files.get(path), missing) {
            (Some(Standing { node, how: How::Changed, .. }), _) => format!("`{node}` changed `{path}`"),
            (Some(Standing { node, how: How::Missed, .. }), _) => {
                format!("`{node}` did not change `{path}`")
            }
            (_, Some((node, false))) => format!("`{node}` did not change `{path}`"),
            (Some(Standing { node, .. }), _) => format!("`{node}` left `{path}`"),
            (None, _) => format!("`{path}` is another"),
        };
        format!("the workspace is not what it was then: {what}")
    }
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
            ((*path).to_owned(), FileChange { before, after: left(after), untold: false })
        });
        Footprint { key: key.to_owned(), at: (at, 0), files: files.collect(), ..Footprint::default() }
    }

    /// What `h` is as `node` left it.
    fn ahead(node: &str, otherwise: bool) -> Ahead {
        let (path, key) = ("h".to_owned(), format!("{node}!1"));
        Ahead { path, node: node.to_owned(), key, run: None, otherwise }
    }

    fn nothing(_: &str) -> Option<LeftFile> {
        None
    }

    fn then() -> Footing {
        let two = did("two!1", 8, &[("h", "good", "better")]);
        Footing::beside(vec![did("one!1", 4, &[("h", "", "good")]), two], Vec::new())
    }

    /// The first patch is taken over.
    fn one() -> Footprint {
        Footprint { recalled: true, ..did("one!1", 3, &[("h", "", "good")]) }
    }

    fn of(before: &str, after: &str) -> BTreeMap<String, FileChange> {
        did("", 0, &[("h", before, after)]).files
    }

    #[test]
    fn what_was_made_makes_a_difference() {
        let mut footing = then();
        footing.note(&one(), &nothing);
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        footing.note(&did("one!1", 3, &[("h", "better", "good")]), &nothing);
        // as it was between the two, and not behind both
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        let why = "the workspace is not what it was then: `one` changed `h`";
        assert_eq!(footing.seen_otherwise((9, 0)).as_deref(), Some(why));
        assert_eq!(footing.seen_otherwise((2, 0)).as_deref(), Some(why));
        // the second patch is not there any more, the first is
        assert_eq!(footing.left_otherwise(&of("good", "better"), &nothing).as_deref(), Some(why));
        assert_eq!(footing.left_otherwise(&of("good", "good"), &nothing), None);
        footing.note(&did("two!1", 5, &[("h", "good", "better")]), &nothing);
        assert_eq!(footing.seen_otherwise((9, 0)), None);
        assert_eq!(footing.left_otherwise(&of("better", "better"), &nothing), None);
    }

    #[test]
    fn what_was_not_come_to_makes_one_as_well() {
        let mut footing = then();
        assert_eq!(footing.seen_otherwise((2, 0)), None);
        let why = "the workspace is not what it was then: `one` did not change `h`";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
        // nor is a patch taken over whose file is another than it met, or that comes in another order
        let why = "the workspace is not what it was then: `two` did not change `h`";
        assert_eq!(footing.left_otherwise(&of("good", "better"), &nothing).as_deref(), Some(why));
        footing.note(&one(), &nothing);
        assert_eq!(footing.left_otherwise(&of("good", "better"), &nothing), None);
        assert_eq!(footing.seen_otherwise((9, 0)).as_deref(), Some(why));
        assert!(footing.left_otherwise(&of("", "good"), &nothing).is_some());
    }

    #[test]
    fn other_files_and_changes_that_are_not_made_count_as_well() {
        let mut footing = then();
        footing.note(&one(), &nothing);
        footing.note(&did("new!1", 3, &[("i", "x", "y")]), &nothing);
        let why = "the workspace is not what it was then: `new` changed `i`";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
        // put back as it was
        footing.note(&did("back!1", 4, &[("i", "y", "x")]), &nothing);
        assert_eq!(footing.seen_otherwise((6, 0)), None);
        let mut footing = then();
        let stands = |_: &str| left("better");
        footing.note(&did("one!1", 5, &[]), &stands);
        let why = "the workspace is not what it was then: `one` did not change `h`";
        assert_eq!(footing.seen_otherwise((6, 0)).as_deref(), Some(why));
        assert_eq!(footing.seen_otherwise((9, 0)).as_deref(), Some(why));
        // and what stands there is not this run's
        assert_eq!(footing.ahead(&|_| true, &|_| left("good")), Some(ahead("one", true)));
        assert_eq!(footing.ahead(&|_| true, &stands), Some(ahead("two", false)));
        assert_eq!(footing.ahead(&|_| true, &nothing), None);
    }

    #[test]
    fn what_stands_already_and_was_not_come_to_is_ahead() {
        let mut footing = then();
        let (all, better) = (|_: &str| true, |_: &str| left("better"));
        let two = Some(ahead("two", false));
        assert_eq!(footing.ahead(&all, &better), two);
        assert_eq!(footing.ahead(&|path| path != "h", &better), None);
        // it was taken back, or somebody has written something else
        assert_eq!((footing.ahead(&all, &nothing), footing.ahead(&all, &|_| left("x"))), (None, None));
        footing.note(&one(), &nothing);
        assert!(footing.is_joined());
        assert_eq!((footing.ahead(&all, &better), footing.ahead(&all, &|_| left("good"))), (two, None));
        let second = did("two!1", 4, &[("h", "good", "better")]);
        footing.note(&Footprint { recalled: true, ..second }, &nothing);
        assert_eq!(footing.ahead(&all, &better), None);
        // what it has made itself is its own
        let mut footing = then();
        footing.note(&did("new!1", 3, &[("h", "better", "better")]), &better);
        assert_eq!((footing.ahead(&all, &better), footing.is_joined()), (None, false));
        footing.part(ahead("two", false));
        let why = "this run has looked at `h` as `two` left it later in the earlier run";
        assert_eq!(footing.parted().as_deref(), Some(why));
    }

    #[test]
    fn what_a_run_before_the_earlier_one_did_later_is_ahead_too() {
        let first = vec![one(), did("two!1", 8, &[("h", "good", "better")])];
        let mut footing = Footing::beside(vec![one()], vec![("r".to_owned(), first)]);
        footing.note(&one(), &nothing);
        let found = footing.ahead(&|_| true, &|_| left("better")).unwrap();
        assert_eq!((found.node.as_str(), found.run.as_deref()), ("two", Some("r")));
        assert_eq!(footing.ahead(&|_| true, &|_| left("good")), None);
    }

    #[test]
    fn what_is_not_told_is_never_what_it_was() {
        let untold = |key: &str, at: u64| {
            let mut did = did(key, at, &[("h", "", "")]);
            did.files.get_mut("h").unwrap().untold = true;
            did
        };
        // of the earlier run: what this one makes is held against what nobody knows
        let mut footing = Footing::beside(vec![untold("one!1", 4)], Vec::new());
        footing.note(&did("one!1", 3, &[("h", "", "good")]), &nothing);
        assert!(footing.seen_otherwise((6, 0)).is_some());
        // of this one, which went on with what its trace tells
        let mut footing = then();
        footing.note(&untold("one!1", 3), &nothing);
        assert!(footing.seen_otherwise((6, 0)).is_some());
        assert!(footing.left_otherwise(&did("two!1", 8, &[("h", "", "good")]).files, &nothing).is_some());
        // what comes only later may stand there
        let mut footing =
            Footing::beside(vec![did("one!1", 4, &[("g", "", "g")]), untold("two!1", 8)], Vec::new());
        footing.note(&did("one!1", 3, &[("g", "", "g")]), &nothing);
        assert!(footing.ahead(&|_| true, &|_| left("secret")).is_some());
    }

    #[test]
    fn what_a_command_may_have_written_is_not_known() {
        let mut footing = then();
        footing.note(&Footprint { beyond: true, ..did("build!1", 3, &[]) }, &nothing);
        let why = "the workspace may not be what it was then: a command of `build` was let write in it";
        assert_eq!(footing.seen_otherwise((2, 0)).as_deref(), Some(why));
        assert_eq!(footing.left_otherwise(&of("", "better"), &|_| left("better")), None);
        assert_eq!(footing.left_otherwise(&of("", "better"), &nothing).as_deref(), Some(why));
    }
}
