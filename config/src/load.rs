//! The only part of this crate that touches files and the environment; binaries call it, libraries do not.

use std::path::Path;

use crate::origin::{ConfigErrors, Finding, Origin};
use crate::rules::RulesHandle;
use crate::settings::{Resolved, Settings, SourceText, resolve};

/// Reads the settings of a daemon: defaults, then `file` (its `--config`), then the process's environment.
pub fn load<S: Settings>(file: Option<&Path>) -> Result<Resolved<S>, ConfigErrors> {
    let variables = environment::<S>()?;
    match file {
        None => resolve(None, variables),
        Some(path) => {
            let text = read(path)?;
            let name = path.display().to_string();
            resolve(Some(SourceText { name: &name, text: &text }), variables)
        }
    }
}

/// Reads the business rules: the shipped ones, with `file` laid over them.
pub fn load_rules(file: Option<&Path>) -> Result<RulesHandle, ConfigErrors> {
    match file {
        None => RulesHandle::shipped(),
        Some(path) => RulesHandle::new(&path.display().to_string(), &read(path)?),
    }
}

/// What `--check-config` does: reads settings and rules as the daemon would and describes them on one page.
pub fn check_config<S: Settings>(file: Option<&Path>) -> Result<String, ConfigErrors> {
    let resolved = load::<S>(file)?;
    let rules_file = resolved.settings.rules_file();
    let book = load_rules(rules_file)?.current();
    let from =
        rules_file.map_or("as shipped".to_string(), |path| format!("shipped, then {}", path.display()));
    Ok(format!("{}\nrules {} ({from})\n{}", resolved.summary, book.version, book.changes()))
}

fn environment<S: Settings>() -> Result<Vec<(String, String)>, ConfigErrors> {
    let mut variables = Vec::new();
    let mut findings = Vec::new();
    for (name, text) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(S::ENV_PREFIX)) else { continue };
        match text.into_string() {
            Ok(text) => variables.push((name.to_string(), text)),
            Err(_) => findings.push(Finding {
                origin: Origin::Environment { name: name.into() },
                key: String::new(),
                found: "bytes that are not UTF-8".into(),
                allowed: "UTF-8 text".into(),
            }),
        }
    }
    if findings.is_empty() { Ok(variables) } else { Err(ConfigErrors(findings)) }
}

fn read(path: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(path).map_err(|error| {
        let origin = Origin::File { name: path.display().to_string().into(), line: 1 };
        ConfigErrors::one(
            origin,
            format!("a file that cannot be read ({error})"),
            "a readable text file in UTF-8",
        )
    })
}
