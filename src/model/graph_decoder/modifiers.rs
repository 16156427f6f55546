//! How a node is run: the modifiers, in a node and in `defaults`.

use crate::diag::{Diagnostic, codes};
use crate::model::decode::{Fields, OwnKeys, Shape, Slot};
use crate::model::{Field, ForEach, Join, Modifiers, OnCrash, OnItemError, Retry, Uses};
use crate::source::Located;

use super::Reader;

/// The keys of `defaults: {USES: …}`: what makes sense for more than one node.
pub(super) const DEFAULT_KEYS: &[&str] =
    &["with", "retry", "timeout", "join", "group", "cache", "verify", "on_crash"];

const FOR_EACH: Shape = Shape {
    what: "`for_each`",
    keys: &["in", "as", "max", "parallel", "on_error"],
    required: &["in", "as"],
    own: OwnKeys::Refused,
};

const RETRY: Shape = Shape {
    what: "`retry`",
    keys: &["attempts", "backoff", "kinds"],
    required: &["attempts"],
    own: OwnKeys::Refused,
};

const JOINS: [(&str, Join); 2] = [("some", Join::Some), ("all", Join::All)];
const CRASHES: [(&str, OnCrash); 3] =
    [("retry", OnCrash::Retry), ("fail", OnCrash::Fail), ("ask", OnCrash::Ask)];
const ITEM_ERRORS: [(&str, OnItemError); 2] =
    [("stop", OnItemError::Stop), ("collect", OnItemError::Collect)];

/// What can be answered from an earlier call. `workspace_diff` cannot: it tells what its own run has done.
const CACHED: &str = "`read_file`, `list_files`, `search_files`, `repo_context`, `llm` and `http`";

/// Error kinds that are never repeated.
const NOT_RETRIED: [&str; 8] =
    ["denied", "rejected", "exhausted", "expression", "cancelled", "budget", "internal", "unplanned"];

impl Reader<'_, '_> {
    pub(super) fn modifiers(&mut self, fields: &Fields<'_>, uses: Option<Uses>) -> Modifiers {
        let d = &mut *self.decoder;
        let mut modifiers = Modifiers {
            skip_when: fields.get("skip_when").and_then(|slot| d.text(slot)),
            timeout: fields.get("timeout").and_then(|slot| d.positive_duration(slot)),
            join: fields.get("join").and_then(|slot| d.word(slot, &JOINS)),
            group: fields.get("group").and_then(|slot| d.name_value(slot, "a group")),
            cache: fields.get("cache").and_then(|slot| d.boolean(slot)),
            verify: fields.get("verify").and_then(|slot| d.boolean(slot)),
            on_crash: fields.get("on_crash").and_then(|slot| d.word(slot, &CRASHES)),
            description: fields.get("description").and_then(|slot| d.string(slot)),
            ..Modifiers::default()
        };
        modifiers.for_each = fields.get("for_each").and_then(|slot| self.for_each(slot));
        modifiers.retry = fields.get("retry").and_then(|slot| self.retry(slot));
        modifiers.update = fields.get("update").map(|slot| self.update(slot)).unwrap_or_default();
        if let Some(uses) = uses {
            self.only_where_it_means_something(&modifiers, uses);
        }
        modifiers
    }

    fn for_each(&mut self, slot: Slot<'_>) -> Option<ForEach> {
        let fields = self.decoder.fields(slot, &FOR_EACH)?;
        let d = &mut *self.decoder;
        let items = fields.get("in").and_then(|slot| d.text(slot));
        let binding = fields.get("as").and_then(|slot| d.name_value(slot, "an item"));
        let max = fields.get("max").and_then(|slot| d.count(slot, 1));
        let parallel = fields.get("parallel").and_then(|slot| d.count(slot, 1));
        let on_error = fields.get("on_error").and_then(|slot| d.word(slot, &ITEM_ERRORS));
        let (Some(items), Some(binding)) = (items, binding) else {
            d.damage(slot.key_span);
            return None;
        };
        Some(ForEach { items, binding, max, parallel, on_error })
    }

    fn retry(&mut self, slot: Slot<'_>) -> Option<Retry> {
        let fields = self.decoder.fields(slot, &RETRY)?;
        let d = &mut *self.decoder;
        let attempts = fields.get("attempts").and_then(|slot| d.count(slot, 1));
        let backoff = fields.get("backoff").and_then(|slot| d.duration(slot));
        let kinds = fields.get("kinds").and_then(|slot| d.strings(slot));
        if let (Some([]), Some(slot)) = (kinds.as_deref(), fields.get("kinds")) {
            let help = Some("name the kinds, or remove `retry`".to_owned());
            d.bad_value(slot.value.span, "`retry` repeats no kind of error", help);
        }
        for kind in kinds.iter().flatten() {
            if NOT_RETRIED.contains(&kind.value.as_str()) {
                let message = format!("an error of kind `{}` is never tried again", kind.value);
                d.bad_value(kind.span, message, Some(format!("remove `{}`", kind.value)));
            } else {
                d.kind_shape(kind);
            }
        }
        Some(Retry { attempts: attempts?, backoff, kinds })
    }

    fn update(&mut self, slot: Slot<'_>) -> Vec<Field> {
        let Some(entries) = self.decoder.entries(slot) else { return Vec::new() };
        let mut fields = Vec::new();
        for entry in entries {
            self.no_null(&entry.value);
            fields.push(Field { name: entry.key.clone(), value: entry.value.clone() });
        }
        fields
    }

    fn only_where_it_means_something(&mut self, modifiers: &Modifiers, uses: Uses) {
        if let Some(cache) = &modifiers.cache
            && cache.value
            && !cacheable(uses)
        {
            self.means_nothing(cache, "cache", uses, CACHED);
        }
        if let Some(verify) = &modifiers.verify
            && verify.value
            && uses != Uses::Exec
        {
            self.means_nothing(verify, "verify", uses, "`exec`");
        }
    }

    fn means_nothing(&mut self, at: &Located<bool>, key: &str, uses: Uses, where_it_does: &str) {
        let message = format!("`{key}` stands on `{}`, and only {where_it_does} can have it", uses.as_str());
        let diagnostic = Diagnostic::new(codes::BAD_VALUE, at.span, message);
        self.decoder.report(diagnostic.help(format!("remove `{key}`")));
    }
}

fn cacheable(uses: Uses) -> bool {
    matches!(
        uses,
        Uses::Llm | Uses::Http | Uses::ReadFile | Uses::ListFiles | Uses::SearchFiles | Uses::RepoContext
    )
}
