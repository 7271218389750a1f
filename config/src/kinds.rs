//! The kinds of values a key can hold: each reads one place and says what is allowed there.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use outpost_model::header::Service;

use crate::place::{Place, Rule};
use crate::tree::{Node, Value};
use crate::values::{DatabaseUrl, PerService, Secret, parse_duration, show_duration};

/// The text at a place, written or from the environment.
fn words<'a>(place: &Place<'a>) -> Option<&'a str> {
    match place.node.map(|node| &node.value) {
        Some(Value::Text(text) | Value::Words(text)) => Some(text.trim()),
        _ => None,
    }
}

/// Whether nothing stands here; an empty variable counts as nothing, so a service file can leave one blank.
fn absent(node: Option<&Node>) -> bool {
    match node.map(|node| &node.value) {
        None => true,
        Some(Value::Words(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// Text of 1 to `chars_max` characters on one line.
pub(crate) fn text(chars_max: usize) -> impl Fn(&Place<'_>) -> Option<String> {
    move |place| {
        let allowed = format!("text of 1 to {chars_max} characters on one line");
        let fits = |text: &&str| {
            (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        let Some(text) = words(place).filter(fits) else { return place.wrong(&allowed) };
        place.note(format!("{text:?}"));
        Some(text.to_string())
    }
}

/// Text that a function understands.
pub(crate) fn understood<T: Display>(
    allowed: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> impl Fn(&Place<'_>) -> Option<T> {
    move |place| {
        let Some(value) = words(place).and_then(&parse) else { return place.wrong(allowed) };
        place.note(value.to_string());
        Some(value)
    }
}

/// A name that is safe in topics, file names and variables.
pub(crate) fn name() -> impl Fn(&Place<'_>) -> Option<String> {
    understood(NAME_ALLOWED, |text| is_name(text).then(|| text.to_string()))
}

const NAME_ALLOWED: &str = "1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit";

pub(crate) fn is_name(text: &str) -> bool {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=64).contains(&text.len())
        && text.chars().all(part)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The whole number at a place, written or from the environment.
fn integer(place: &Place<'_>) -> Option<i128> {
    match place.node.map(|node| &node.value) {
        Some(Value::Integer(number)) => Some(*number),
        Some(Value::Words(text)) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

/// A whole number within a range.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&Place<'_>) -> Option<T>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    move |place| {
        let within =
            integer(place).and_then(|found| T::try_from(found).ok()).filter(|found| range.contains(found));
        let Some(value) = within else {
            return place.wrong(&format!("a whole number from {} to {}", range.start(), range.end()));
        };
        place.note(value.to_string());
        Some(value)
    }
}

/// One of a few whole numbers.
pub(crate) fn one_number_of(choices: &'static [u32]) -> impl Fn(&Place<'_>) -> Option<u32> {
    move |place| {
        let found = integer(place);
        let Some(value) = choices.iter().find(|choice| Some(i128::from(**choice)) == found) else {
            let choices: Vec<_> = choices.iter().map(u32::to_string).collect();
            return place.wrong(&choices.join(", "));
        };
        place.note(value.to_string());
        Some(*value)
    }
}

/// `true` or `false`.
pub(crate) fn flag() -> impl Fn(&Place<'_>) -> Option<bool> {
    |place| {
        let found = match place.node.map(|node| &node.value) {
            Some(Value::Bool(value)) => Some(*value),
            Some(Value::Words(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(value) = found else { return place.wrong("true or false") };
        place.note(value.to_string());
        Some(value)
    }
}

/// A duration such as `"90s"` or `"1h30m"`, within bounds.
pub(crate) fn duration(least: &'static str, most: &'static str) -> impl Fn(&Place<'_>) -> Option<Duration> {
    move |place| {
        let bounds = parse_duration(least).zip(parse_duration(most));
        let fits = |found: &Duration| bounds.is_some_and(|(least, most)| (least..=most).contains(found));
        let Some(value) = words(place).and_then(parse_duration).filter(fits) else {
            return place.wrong(&format!("a duration from \"{least}\" to \"{most}\""));
        };
        place.note(show_duration(value));
        Some(value)
    }
}

/// One of a few words.
pub(crate) fn one_of<T: Clone>(choices: &'static [(&'static str, T)]) -> impl Fn(&Place<'_>) -> Option<T> {
    move |place| {
        let found = words(place).and_then(|word| choices.iter().find(|(name, _)| *name == word));
        let Some((name, value)) = found else {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
            return place.wrong(&names.join(", "));
        };
        place.note(*name);
        Some(value.clone())
    }
}

/// A secret of at least `chars_min` characters; never shown.
pub(crate) fn secret(chars_min: usize) -> impl Fn(&Place<'_>) -> Option<Secret> {
    move |place| {
        let allowed = format!("a secret text of {chars_min} to 512 characters");
        match words(place) {
            Some(text) if (chars_min..=512).contains(&text.chars().count()) => {
                place.note_secret();
                Some(Secret::new(text))
            }
            _ if place.node.is_none() => place.wrong(&allowed),
            _ => place.wrong_as("something else (hidden)".into(), &allowed),
        }
    }
}

/// A path of a file or folder; relative ones begin at the daemon's working directory.
pub(crate) fn path() -> impl Fn(&Place<'_>) -> Option<PathBuf> {
    |place| {
        let usable = |text: &&str| !text.is_empty() && !text.contains('\0');
        let Some(text) = words(place).filter(usable) else { return place.wrong("a path") };
        place.note(text);
        Some(PathBuf::from(text))
    }
}

/// An `http://` or `https://` address, without the slash at its end.
pub(crate) fn web_address() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("an address that begins with http:// or https://", |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let clean = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        let host = rest.split('/').next().unwrap_or_default();
        (!host.is_empty() && rest.chars().all(clean)).then(|| text.trim_end_matches('/').to_string())
    })
}

/// The hub's database.
pub(crate) fn database_url() -> impl Fn(&Place<'_>) -> Option<DatabaseUrl> {
    |place| {
        let allowed = "sqlite://path or postgres://user:password@host:port/name";
        match words(place).map(DatabaseUrl::parse) {
            Some(Some(url)) => {
                place.note(url.to_string());
                Some(url)
            }
            Some(None) => {
                // Whatever stands behind the scheme may hold a password.
                let scheme =
                    words(place).and_then(|text| text.split_once("://")).map_or("", |(scheme, _)| scheme);
                place.wrong_as(crate::tree::quoted(&format!("{scheme}://…")), allowed)
            }
            None => place.wrong(allowed),
        }
    }
}

/// A key that may be missing.
pub(crate) fn optional<T>(rule: impl Rule<T>) -> impl Fn(&Place<'_>) -> Option<Option<T>> {
    move |place| {
        if absent(place.node) {
            place.note_unset();
            return Some(None);
        }
        rule.read(place).map(Some)
    }
}

/// A key that may be missing inside an entry people add; `fallback` is written as in the file.
pub(crate) fn otherwise<T>(rule: impl Rule<T>, fallback: &'static str) -> impl Fn(&Place<'_>) -> Option<T> {
    move |place| {
        if !absent(place.node) {
            return rule.read(place);
        }
        let node = Node { value: Value::Words(fallback.into()), origin: crate::Origin::Default };
        rule.read(&Place { node: Some(&node), ..place.clone() })
    }
}

/// A list of values.
pub(crate) fn list<T>(rule: impl Rule<T>, allowed: &'static str) -> impl Fn(&Place<'_>) -> Option<Vec<T>> {
    move |place| {
        let items = place.items(&rule, allowed)?;
        // An empty list says something too, and it has no items to say it.
        if items.is_empty() {
            place.note("[]");
        }
        Some(items)
    }
}

/// A section whose keys people choose, each entry read by one rule.
pub(crate) fn keyed<T>(
    allowed: &'static str,
    fits: fn(&str) -> bool,
    rule: impl Rule<T>,
) -> impl Fn(&Place<'_>) -> Option<BTreeMap<String, T>> {
    move |place| {
        let read = place.entries()?.all().into_iter().map(|(name, entry)| {
            let value = rule.read(&entry);
            if !fits(&name) {
                return entry.wrong_as(format!("the name {}", crate::tree::quoted(&name)), allowed);
            }
            value.map(|value| (name, value))
        });
        // Collected first, so that every entry is read even after one has failed.
        read.collect::<Vec<_>>().into_iter().collect()
    }
}

/// A section keyed by names that people give to things.
pub(crate) fn named<T>(rule: impl Rule<T>) -> impl Fn(&Place<'_>) -> Option<BTreeMap<String, T>> {
    keyed(NAME_ALLOWED, is_name, rule)
}

/// One value for each service.
pub(crate) fn per_service<T>(rule: impl Rule<T>) -> impl Fn(&Place<'_>) -> Option<PerService<T>> {
    move |place| {
        let entries = place.entries()?;
        entries.only(&Service::ALL.map(Service::as_str));
        let [pickup, ship, ship_to_store] = [Service::Pickup, Service::Ship, Service::ShipToStore]
            .map(|s| rule.read(&entries.at(s.as_str())));
        Some(PerService { pickup: pickup?, ship: ship?, ship_to_store: ship_to_store? })
    }
}
