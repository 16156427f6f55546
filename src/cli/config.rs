//! `lgflow config`: every setting in force, with the place that it came from.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::config::{KeyInfo, Origin, Setting, SettingValue};
use crate::diag::{Diagnostics, suggestion};
use crate::effect::Declared;
use crate::front::settings;
use crate::source::Sources;
use crate::store::without_password;
use crate::view::escaped;

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::profile_flag;
use super::trust::here;
use super::validate::{print_instead, unreadable};

/// Arguments of `lgflow config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow config                 every setting and where it comes from\n  lgflow config limits.wall     one of them\n  lgflow config --profile prod  what a run under that profile would take\n\nWeakest first: built-in, .lg/config.toml (workspace-safe keys only), /etc/lgflow/config.toml, ~/.config/lgflow/config.toml, the built-in profile (dev, stage, prod), [profile.NAME] of these files, LGFLOW_* variables, flags."
)]
pub struct ConfigArgs {
    /// One key; without it, all
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// The settings under this profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub(super) fn run(args: &ConfigArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let settings = settings(&place, profile_flag(args.profile.as_deref()), &mut sources, &mut found)
        .map_err(|error| unreadable(&error))?;
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let shown: Vec<&Setting> = match &args.key {
        None => settings.iter().collect(),
        Some(key) => {
            known(key)?;
            settings.get(key).into_iter().collect()
        }
    };
    let nothing = Declared::default();
    let declared = if args.key.is_none() { settings.declared() } else { &nothing };
    Ok(output.either(|| human(&shown) + &models(declared), || document(&shown, declared)))
}

fn known(key: &str) -> Result<(), Problem> {
    if KeyInfo::find(key).is_some() {
        return Ok(());
    }
    let help = suggestion(key, crate::config::KEYS.iter().map(|info| info.key));
    let help = help.map_or(String::new(), |help| format!("; {help}"));
    Err(Problem::usage(format!("there is no setting `{}`{help}", escaped(key))))
}

fn human(settings: &[&Setting]) -> String {
    let rows: Vec<[String; 3]> = settings
        .iter()
        .map(|setting| {
            [setting.key.to_owned(), escaped(&shown(setting)), escaped(&setting.origin.to_string())]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (keys, values) = (width(0), width(1));
    let mut text = String::new();
    for [key, value, origin] in &rows {
        // writing to a string can't fail
        let _ = writeln!(text, "{key:keys$}  {value:values$}  {origin}");
    }
    text
}

/// A value as it is shown: whatever the address of a store holds, its password is no setting for others to see.
fn shown(setting: &Setting) -> String {
    let value = setting.value.to_string();
    if setting.key == "store" { without_password(&value) } else { value }
}

/// A line for each declared model and each private origin.
fn models(declared: &Declared) -> String {
    let mut text = String::new();
    for model in &declared.models {
        let key = model.key.as_ref().map_or_else(String::new, |key| format!(", with the secret {key}"));
        // writing to a string can't fail
        let _ = writeln!(
            text,
            "models.{}  {} at {} ({}{key})",
            escaped(&model.name),
            escaped(&model.model),
            escaped(&model.base_url),
            model.provider.as_str()
        );
    }
    for origin in &declared.private {
        let _ = writeln!(text, "network.private  {}", escaped(origin));
    }
    text
}

fn document(settings: &[&Setting], declared: &Declared) -> Value {
    let rows: Vec<Value> = settings
        .iter()
        .map(|setting| {
            let value = match &setting.value {
                SettingValue::Number(number) => json!(number),
                _ => json!(shown(setting)),
            };
            json!({ "key": setting.key, "value": value, "origin": setting.origin.to_string(), "layer": layer(&setting.origin) })
        })
        .collect();
    let models: Vec<Value> = declared
        .models
        .iter()
        .map(|model| {
            json!({
                "name": model.name,
                "provider": model.provider.as_str(),
                "base_url": model.base_url,
                "model": model.model,
                "key": model.key,
            })
        })
        .collect();
    json!({
        "schema": "lgflow.config/v1",
        "settings": rows,
        "models": models,
        "private": declared.private,
    })
}

fn layer(origin: &Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "built-in",
        Origin::BuiltInProfile(_) => "built-in profile",
        Origin::Workspace { .. } => "workspace",
        Origin::File { .. } => "file",
        Origin::Profile { .. } => "profile",
        Origin::Variable(_) => "variable",
        Origin::Flag(_) => "flag",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_store_is_not_shown() {
        for address in ["postgres://me:s3cret@h/d", "postgres://me@h/d?password=s3cret"] {
            let value = SettingValue::Text(address.to_owned());
            let setting =
                Setting { key: "store", value, origin: Origin::Variable("LGFLOW_STORE".to_owned()) };
            assert_eq!(human(&[&setting]), "store  postgres://me@h/d  LGFLOW_STORE\n");
            let document = document(&[&setting], &Declared::default());
            assert_eq!(document["settings"][0]["value"], "postgres://me@h/d");
        }
    }
}
