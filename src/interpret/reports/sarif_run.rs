//! One run of SARIF with what stands outside of it in the same file: its results, its rules, and how grave each of them is.

use serde_json::Value;

pub(super) struct Run<'v> {
    run: &'v Value,
    /// The `inlineExternalProperties` that are of this run.
    outside: Vec<&'v Value>,
}

/// Which descriptor something refers to: by its place, by its name, and in which part of the tool.
#[derive(Clone, Copy)]
pub(super) struct Reference<'v> {
    pub(super) part: Option<&'v Value>,
    pub(super) index: Option<u64>,
    pub(super) id: Option<&'v str>,
}

/// The names of what one kind of descriptor has.
pub(super) struct Kind {
    pub(super) list: &'static str,
    pub(super) overrides: &'static str,
}

pub(super) const RULES: Kind = Kind { list: "rules", overrides: "ruleConfigurationOverrides" };
pub(super) const NOTIFICATIONS: Kind =
    Kind { list: "notifications", overrides: "notificationConfigurationOverrides" };

impl<'v> Reference<'v> {
    /// What a `reportingDescriptorReference` says.
    pub(super) fn of(reference: &'v Value) -> Self {
        Self {
            part: reference.get("toolComponent"),
            index: reference.get("index").and_then(Value::as_u64),
            id: word(reference, "id"),
        }
    }
}

impl<'v> Run<'v> {
    /// `outside` is all that stands outside of runs; of one run alone it is all of it.
    pub(super) fn new(run: &'v Value, outside: &[&'v Value], alone: bool) -> Self {
        let mut this = Self { run, outside: Vec::new() };
        let guid = run.pointer("/automationDetails/guid");
        let belongs = |of: &Value| {
            alone || of.get("runGuid").is_some_and(|of| Some(of) == guid) || this.refers_to(of.get("guid"))
        };
        let outside = outside.iter().copied().filter(|of| belongs(of)).collect();
        this.outside = outside;
        this
    }

    pub(super) fn owns(&self, outside: &Value) -> bool {
        self.outside.iter().any(|of| std::ptr::eq(*of, outside))
    }

    fn refers_to(&self, guid: Option<&Value>) -> bool {
        let references = self.run.get("externalPropertyFileReferences").and_then(Value::as_object);
        let mut all = references.into_iter().flat_map(|all| all.values());
        let is = |reference: &Value| guid.is_some() && reference.get("guid") == guid;
        all.any(|of| is(of) || of.as_array().is_some_and(|list| list.iter().any(is)))
    }

    /// What the run says by this name, and what is said of it elsewhere in the file.
    pub(super) fn all(&self, key: &'static str) -> impl Iterator<Item = &'v Value> {
        let outside: Vec<&'v Value> = self.outside.iter().flat_map(|of| list(of, key)).collect();
        list(self.run, key).chain(outside)
    }

    pub(super) fn has_list(&self, key: &str) -> bool {
        std::iter::once(&self.run).chain(&self.outside).any(|of| of.get(key).is_some_and(Value::is_array))
    }

    /// Is some of what goes by this name in another file?
    pub(super) fn is_elsewhere(&self, key: &str) -> bool {
        let Some(said) = self.run.get("externalPropertyFileReferences").and_then(|of| of.get(key)) else {
            return false;
        };
        let here = |reference: &Value| {
            let guid = reference.get("guid");
            guid.is_some() && self.outside.iter().any(|of| of.get("guid") == guid)
        };
        said.as_array().map_or(!here(said), |list| !list.iter().all(here))
    }

    fn driver(&self) -> Option<&'v Value> {
        let outside = self.outside.iter().find_map(|of| of.get("driver"));
        outside.or_else(|| self.run.pointer("/tool/driver"))
    }

    fn extensions(&self) -> Vec<&'v Value> {
        let own = self.run.get("tool").into_iter().flat_map(|tool| list(tool, "extensions"));
        own.chain(self.outside.iter().flat_map(|of| list(of, "extensions"))).collect()
    }

    /// The descriptor that is referred to.
    pub(super) fn descriptor(&self, kind: &Kind, reference: Reference<'_>) -> Option<&'v Value> {
        let extensions = self.extensions();
        let parts = || self.driver().into_iter().chain(extensions.iter().copied());
        let named = reference.part.and_then(|part| {
            let index = part.get("index").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
            let by = |key: &str| {
                let wanted = part.get(key)?;
                parts().find(|of| of.get(key) == Some(wanted))
            };
            index.and_then(|at| extensions.get(at).copied()).or_else(|| by("guid")).or_else(|| by("name"))
        });
        let own = named.or_else(|| self.driver())?;
        let index = reference.index.and_then(|index| usize::try_from(index).ok());
        let by_index = index.and_then(|index| list(own, kind.list).nth(index));
        let by_id = |of: &'v Value| by_id(of, kind, reference.id?);
        by_index.or_else(|| by_id(own)).or_else(|| parts().find_map(by_id))
    }

    /// How grave something is that does not say so itself: as its invocation wants it, or as its descriptor does.
    pub(super) fn level(
        &self,
        kind: &Kind,
        reference: Reference<'_>,
        invocation: Option<&'v Value>,
    ) -> Option<&'v str> {
        let descriptor = self.descriptor(kind, reference);
        let is = |of: &Value| {
            let of = of.get("descriptor").map(Reference::of);
            of.is_some_and(|of| match (descriptor, self.descriptor(kind, of)) {
                (Some(one), Some(other)) => std::ptr::eq(one, other),
                _ => of.id.is_some() && of.id == reference.id,
            })
        };
        let changed = invocation.into_iter().flat_map(|of| list(of, kind.overrides)).filter(|of| is(of));
        let changed = changed.filter_map(|of| of.pointer("/configuration/level")?.as_str()).last();
        changed.or_else(|| descriptor?.pointer("/defaultConfiguration/level")?.as_str())
    }

    /// The invocation that a result is of: the one that it names, or the only one.
    pub(super) fn invocation(&self, result: &Value) -> Option<&'v Value> {
        let named = result.pointer("/provenance/invocationIndex").and_then(Value::as_u64);
        let mut all = self.all("invocations");
        match named {
            Some(index) => all.nth(usize::try_from(index).ok()?),
            None => all.next().filter(|_| all.next().is_none()),
        }
    }
}

/// `A/sub` is a part of the rule `A`, where no rule is called that.
fn by_id<'v>(part: &'v Value, kind: &Kind, mut id: &str) -> Option<&'v Value> {
    loop {
        if let Some(found) = list(part, kind.list).find(|of| word(of, "id") == Some(id)) {
            return Some(found);
        }
        id = id.rsplit_once('/')?.0;
    }
}

pub(super) fn list<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn word<'v>(of: &'v Value, key: &str) -> Option<&'v str> {
    of.get(key).and_then(Value::as_str)
}
