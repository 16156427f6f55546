//! What `lgflow trace verify` says of a trace that was found.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::export::Checked;
use crate::front::{GoneRun, Retraced, Seal, Stored, Unheard};
use crate::receipt::Discord;
use crate::store::RunId;
use crate::trace::{Verified, verify};
use crate::view::escaped;

use super::output::Output;
use super::problem::Problem;
use super::runs::problem;
use super::trace::{Found, unverifiable};
use super::witnessed::{Witnessed, Witnesses};
use super::{Exit, Format};

/// A trace, held against itself and all that is known of its run.
struct Judged<'a> {
    found: &'a Found,
    verified: Verified,
    /// None where this installation knows nothing of the run.
    seal: Option<Seal>,
    /// What the store says of one that this installation has started.
    stored: Stored,
    /// None where its plan is not at hand.
    retraced: Option<Retraced>,
    /// What others know of it.
    witnessed: Witnessed,
}

pub(super) fn check(
    found: &Found,
    witnesses: &Witnesses<'_>,
    incomplete: bool,
    output: Output,
) -> Result<Exit, Problem> {
    let judged = Judged::of(found, witnesses)?;
    let sound = judged.is_whole() && (judged.is_complete() || incomplete);
    if output.format == Format::Json {
        output.document(&judged.document(sound));
    } else if sound {
        output.data(&format!("{}\n", judged.sound_text()));
    } else {
        output.note(&format!("error: `{}`: {}\n", escaped(&found.name), judged.text()));
    }
    Ok(if sound { Exit::Done } else { Exit::Unverified })
}

/// Every run of a store, and those that should be there: one that does not hold, or cannot be read, does not keep the others from being looked at.
pub(super) fn check_all(
    (runs, misnamed, gone): (&[RunId], &[String], &[GoneRun]),
    open: &dyn Fn(&RunId) -> Result<Found, Problem>,
    witnesses: &Witnesses<'_>,
    incomplete: bool,
    output: Output,
) -> Result<Exit, Problem> {
    let (mut documents, mut unreadable, mut lines) = (Vec::new(), Vec::new(), String::new());
    let mut all_sound = misnamed.is_empty() && gone.iter().all(|gone| gone.trail.is_removal());
    for name in misnamed {
        let detail = "no run has such an id: what the store keeps under it is nobody's";
        // writing to a string can't fail
        let _ = writeln!(lines, "✗ `{}`: {detail}", escaped(name));
        unreadable.push(json!({ "run": name, "detail": detail }));
    }
    for run in runs {
        let told = open(run).and_then(|found| {
            let judged = Judged::of(&found, witnesses)?;
            let sound = judged.is_whole() && (judged.is_complete() || incomplete);
            let said = if sound { judged.verdicts().join(", ") } else { judged.text() };
            Ok((sound, said, judged.document(sound)))
        });
        match told {
            Ok((sound, said, document)) => {
                all_sound &= sound;
                let _ = writeln!(lines, "{} {run}: {said}", if sound { '✓' } else { '✗' });
                documents.push(document);
            }
            // what was asked for is wrong, and no run
            Err(problem) if problem.exit == Exit::Usage => return Err(problem),
            Err(problem) => {
                all_sound = false;
                let _ = writeln!(lines, "✗ {run}: {}", escaped(problem.detail()));
                unreadable.push(json!({ "run": run.to_string(), "detail": problem.detail() }));
            }
        }
    }
    for GoneRun { run, trail } in gone {
        let mark = if trail.is_removal() { '-' } else { '✗' };
        let _ = writeln!(lines, "{mark} {run}: {}", escaped(&trail.sentence()));
    }
    let missing = |removed: bool| -> Vec<Value> {
        let of_kind = gone.iter().filter(|gone| gone.trail.is_removal() == removed);
        of_kind.map(|gone| json!({ "run": gone.run.as_str(), "detail": gone.trail.sentence() })).collect()
    };
    let document = json!({
        "schema": "lgflow.verifications/v1",
        "ok": all_sound,
        "runs": documents,
        "unreadable": unreadable,
        "gone": missing(false),
        "removed": missing(true),
    });
    output.either(|| if lines.is_empty() { "no run\n".to_owned() } else { lines }, || document);
    Ok(if all_sound { Exit::Done } else { Exit::Unverified })
}

/// What is found of a trace, as a document. One whose run has not ended is not accepted.
pub(super) fn verification(found: &Found) -> Result<Value, Problem> {
    let judged = Judged::of(found, &Witnesses::default())?;
    Ok(judged.document(judged.is_whole() && judged.is_complete()))
}

/// What is found of a trace, for the page of its run.
pub(super) fn checked(found: &Found) -> Result<Checked, Problem> {
    let judged = Judged::of(found, &Witnesses::default())?;
    let holds = judged.is_whole();
    Ok(Checked { holds, said: if holds { judged.sound_text() } else { judged.text() } })
}

/// What does not hold of a trace, whether or not its run has ended; nothing where all that is there does.
pub(super) fn wrong_with(found: &Found) -> Result<Option<String>, Problem> {
    let judged = Judged::of(found, &Witnesses::default())?;
    Ok((!judged.is_whole()).then(|| judged.text()))
}

/// Refuses a trace that does not hold.
pub(super) fn demand(found: &Found, incomplete: bool) -> Result<(), Problem> {
    let judged = Judged::of(found, &Witnesses::default())?;
    if judged.is_whole() && (judged.is_complete() || incomplete) {
        return Ok(());
    }
    let detail = format!("`{}`: {}", escaped(&found.name), judged.text());
    Err(Problem::with(Exit::Unverified, "not verified", detail))
}

impl<'a> Judged<'a> {
    fn of(found: &'a Found, witnesses: &Witnesses<'_>) -> Result<Self, Problem> {
        let lookup = |digest: &Digest| found.payload(digest);
        let payloads = found.blobs.is_some().then_some(&lookup as &dyn Fn(&Digest) -> Option<Vec<u8>>);
        let verified = verify(found.text.lines(), payloads);
        let seal = found.known.as_ref().map(|known| known.seal(&found.text)).transpose();
        let seal = seal.map_err(|error| unverifiable("seal", &error))?;
        let stored = match &found.known {
            // whoever has sealed its end had recorded all of it
            Some(_) if seal == Some(Seal::Whole) => Stored::AsRecorded,
            Some(known) => {
                known.stored(&found.text, found.named_run.is_none()).map_err(|error| problem(&error))?
            }
            None => Stored::Unknown,
        };
        let retraced = match &found.known {
            Some(known) if verified.fault.is_none() => known.retraced(&found.text, &lookup),
            _ => Ok(None),
        };
        let retraced = retraced.map_err(|error| unverifiable("plan", &error))?;
        let witnessed = witnesses.hold(found)?;
        Ok(Self { found, verified, seal, stored, retraced, witnessed })
    }

    fn discord(&self) -> Option<Discord> {
        self.found.vouched.as_ref().and_then(|vouched| vouched.discord)
    }

    /// The first event that does not fit the run.
    fn misfit(&self) -> Option<(u64, &'static str)> {
        let known = self.found.known.as_ref().map(|known| &known.run).or(self.found.named_run.as_ref());
        let known = known.map(RunId::as_str);
        let told = self.verified.run.as_deref();
        if known.is_some() && told.is_some() && known != told {
            return Some((1, "it is of another run"));
        }
        self.retraced.as_ref()?.misfit
    }

    fn is_whole(&self) -> bool {
        self.verified.events > 0
            && self.verified.fault.is_none()
            && self.misfit().is_none()
            && self.found.form_fault().is_none()
            && !self.seal.is_some_and(Seal::is_broken)
            && !matches!(self.stored, Stored::Otherwise | Stored::Unvouched(_))
            && self.discord().is_none()
            && self.witnessed.is_whole()
    }

    /// Is all of it there: the last event, and what the runner vouches for up to it?
    fn is_complete(&self) -> bool {
        self.verified.complete && self.found.unheard.is_none()
    }

    /// Is everything that happened known to have happened like that? The front that sealed the last event had followed all
    /// of them; without it, they follow from each other by the plan.
    fn is_consistent(&self) -> bool {
        let decided = self.retraced.as_ref().is_some_and(|retraced| retraced.compared);
        decided || self.seal == Some(Seal::Whole)
    }

    /// Did the runner sign it, and did nobody take away what the front sealed?
    fn signer(&self) -> Option<&str> {
        let vouched = self.found.vouched.as_ref().filter(|vouched| vouched.signed)?;
        let sealed = self.seal == Some(Seal::Whole) || !self.is_complete();
        if sealed { vouched.key.as_deref() } else { None }
    }

    fn payloads_checked(&self) -> bool {
        self.found.blobs.is_some() || self.verified.payloads == 0
    }

    fn verdicts(&self) -> Vec<String> {
        if !self.is_whole() {
            return Vec::new();
        }
        let first = match &self.found.vouched {
            _ if !self.is_complete() => "incomplete",
            _ if self.is_consistent() => "consistent",
            Some(_) => "hashes and receipts agree",
            None => "hashes agree",
        };
        let signed = self.signer().map(|key| format!("signed by {}", escaped(key)));
        [Some(first.to_owned()), signed].into_iter().flatten().chain(self.witnessed.verdicts()).collect()
    }

    fn text(&self) -> String {
        if let Some(fault) = &self.verified.fault {
            let before = match self.verified.events {
                0 => "nothing before it holds".to_owned(),
                events => format!("events 1 to {events} hold"),
            };
            return format!("event {} {} (line {}); {before}", fault.seq, fault.what.as_str(), fault.line);
        }
        let mut wrong = Vec::new();
        if self.verified.events == 0 {
            wrong.push("it is empty: there is no event".to_owned());
        }
        if let Some((seq, why)) = self.misfit() {
            wrong.push(format!("event {seq}: {why}"));
        }
        match self.seal {
            Some(Seal::Cut(sealed)) => wrong.push(format!(
                "its end was cut: this installation sealed {sealed} events, and there are {}",
                self.verified.events
            )),
            Some(Seal::Anew(event)) => wrong.push(format!(
                "it was written anew: event {event} is not the one that this installation sealed"
            )),
            _ => wrong.extend(self.not_recorded()),
        }
        wrong.extend(self.found.form_fault().map(|(line, what)| format!("line {line} {what}")));
        wrong.extend(self.discord().map(|discord| discord.to_string()));
        wrong.extend(self.witnessed.wrong());
        if !wrong.is_empty() {
            if self.verified.events > 0 && !self.verified.complete {
                wrong.push("it is incomplete: there is no `run.finished`".into());
            }
            wrong.extend(self.found.unheard.as_ref().map(|unheard| escaped(&unheard.to_string())));
            return format!("{}; by themselves its hashes agree", wrong.join("; "));
        }
        match &self.found.unheard {
            Some(unheard) => unheard_text(unheard, &self.verified),
            None if self.verified.complete => self.sound_text(),
            None => unfinished(self.verified.events),
        }
    }

    fn not_recorded(&self) -> Option<String> {
        match self.stored {
            Stored::Otherwise => Some("it is not what this installation has recorded of the run".to_owned()),
            Stored::Unvouched(since) => Some(format!(
                "{since} was written, altered or cut in the store by somebody else, or stands there as an older version of lgflow \
                 wrote it: this installation does not vouch for it"
            )),
            Stored::AsRecorded | Stored::Unknown => None,
        }
    }

    /// All that holds of a trace in which nothing is wrong, and what could not be looked at.
    fn sound_text(&self) -> String {
        let head = self.verified.head.map(|head| head.to_string()).unwrap_or_default();
        let run = escaped(self.verified.run.as_deref().unwrap_or_default());
        let verdicts = self.verdicts().join(", ");
        let mut parts =
            vec![format!("{verdicts}: {} events of run {run}, digest {head}", self.verified.events)];
        if !self.payloads_checked() {
            parts.push("its payloads outside of the lines are not at hand and were not checked".into());
        }
        parts.push(self.receipts_text());
        parts.extend(self.plan_text().map(str::to_owned));
        parts.push(self.seal_text());
        parts.join("; ")
    }

    fn receipts_text(&self) -> String {
        if let Some(unheard) = &self.found.unheard {
            return format!(
                "{}: a call that was left out or made up since would not show",
                escaped(&unheard.to_string())
            );
        }
        match &self.found.vouched {
            None => {
                "the runner's receipts are not at hand: a call that was left out or made up would not show"
                    .to_owned()
            }
            Some(vouched) if vouched.signed => format!("{} receipts of the runner agree", vouched.count),
            Some(vouched) => {
                let key = escaped(vouched.key.as_deref().unwrap_or_default());
                format!("{} receipts agree, and the key {key} that made them is not here", vouched.count)
            }
        }
    }

    fn plan_text(&self) -> Option<&'static str> {
        match &self.retraced {
            Some(retraced) if retraced.compared => None,
            Some(_) => Some(
                "not everything that was decided could be decided again (something was redacted, or another version decided)",
            ),
            None => Some("its plan is not at hand: what was decided was not decided again"),
        }
    }

    fn seal_text(&self) -> String {
        match self.seal {
            Some(Seal::Whole) => "as sealed by this installation".into(),
            Some(Seal::Part(events)) if self.stored == Stored::AsRecorded => format!(
                "sealed by this installation as far as event {events}, and recorded by it to its end"
            ),
            Some(Seal::Missing) if self.stored == Stored::AsRecorded => {
                "this installation has no seal of its end, and has recorded all of its events".into()
            }
            Some(Seal::Part(events)) => format!("sealed by this installation as far as event {events}, and not at its end"),
            Some(Seal::Missing) => "this installation has no seal of its end: who wrote events anew that no receipt tells of would not \
                                    show"
                .into(),
            Some(Seal::Cut(_) | Seal::Anew(_)) => String::new(),
            None => "this installation knows nothing of the run: who wrote it anew would not show".into(),
        }
    }

    fn document(&self, sound: bool) -> Value {
        let fault = self.verified.fault.as_ref();
        let fault =
            fault.map(|fault| json!({ "seq": fault.seq, "line": fault.line, "what": fault.what.as_str() }));
        let misfit = self.misfit().map(|(seq, why)| json!({ "seq": seq, "line": seq, "what": why }));
        let form =
            self.found.form_fault().map(|(line, what)| json!({ "seq": line, "line": line, "what": what }));
        json!({
            "schema": "lgflow.verification/v1",
            "ok": sound,
            "run": self.verified.run,
            "events": self.verified.events,
            "digest": self.verified.head,
            "complete": self.verified.complete,
            "verdicts": self.verdicts(),
            "payloads_checked": self.payloads_checked(),
            "decided_again": self.retraced.as_ref().is_some_and(|retraced| retraced.compared),
            "as_sealed": match self.seal {
                Some(Seal::Whole) => Some(true),
                Some(Seal::Cut(_) | Seal::Anew(_)) => Some(false),
                Some(Seal::Missing | Seal::Part(_)) | None => None,
            },
            "as_recorded": match self.stored {
                Stored::AsRecorded => Some(true),
                Stored::Otherwise | Stored::Unvouched(_) => Some(false),
                Stored::Unknown => None,
            },
            "receipts": self.receipts_document(),
            "signature": self.witnessed.signature_document(),
            "anchor": self.witnessed.anchor_document(),
            "fault": fault.or(misfit).or(form),
        })
    }

    fn receipts_document(&self) -> Option<Value> {
        let vouched = self.found.vouched.as_ref()?;
        let fault = vouched.discord.map(|discord| {
            json!({
                "event": discord.event,
                "receipt": discord.receipt,
                "what": discord.what.as_str(),
                "message": discord.to_string(),
            })
        });
        Some(json!({
            "count": vouched.count,
            "key": vouched.key,
            "signed": vouched.signed,
            "unheard_since": self.found.unheard.as_ref().map(|unheard| unheard.since),
            "fault": fault,
        }))
    }
}

fn unfinished(events: u64) -> String {
    format!(
        "incomplete: there is no `run.finished`; the run was interrupted, goes on, or its end was cut (`--allow incomplete` \
         accepts {events} events that hold)"
    )
}

fn unheard_text(unheard: &Unheard, verified: &Verified) -> String {
    let events = verified.events;
    let run = escaped(verified.run.as_deref().unwrap_or("RUN"));
    format!(
        "incomplete: {}; `lgflow runs resume {run}` asks it (`--allow incomplete` accepts {events} events that hold)",
        escaped(&unheard.to_string())
    )
}
