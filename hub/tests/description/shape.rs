//! Whether a JSON value has a described shape: as strict as the description can be read, so that a field nobody
//! described is found as well as one that is missing.

use serde_json::Value;

/// The shapes of a description.
pub struct Shapes<'d> {
    description: &'d Value,
}

impl<'d> Shapes<'d> {
    pub fn new(description: &'d Value) -> Self {
        Self { description }
    }

    /// An answer's body against what is described for its status.
    pub fn answer(&self, method: &str, path: &str, status: u16, body: &Value) {
        let answers = &self.description["paths"][path][method]["responses"];
        let answer = &answers[status.to_string()];
        assert!(answer.is_object(), "{method} {path}: {status} is not described: {body}");
        let Some(contents) = answer["content"].as_object() else {
            assert!(body.is_null(), "{method} {path}: {status} is described without a body: {body}");
            return;
        };
        let schema = &contents.values().next().unwrap()["schema"];
        if let Err(why) = self.fits(schema, body, "$") {
            panic!("{method} {path} {status}: {why}\n{body:#}");
        }
    }

    /// A request's body against a named shape.
    pub fn body(&self, body: &Value, name: &str, should: bool) {
        let fits = self.fits(&self.description["components"]["schemas"][name], body, "$");
        assert_eq!(fits.is_ok(), should, "{name}: {fits:?}");
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            let shape = &self.description["components"]["schemas"][name];
            return if shape.is_object() {
                self.fits(shape, value, at)
            } else {
                Err(format!("{at}: no shape {name}"))
            };
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let tries: Vec<_> = choices.iter().map(|choice| self.fits(choice, value, at)).collect();
            return match tries.iter().filter(|tried| tried.is_ok()).count() {
                1 => Ok(()),
                0 => Err(format!("{at}: none of its shapes: {tries:?}")),
                _ => Err(format!("{at}: more than one of its shapes")),
            };
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            return Err(format!("{at}: {value} is none of {allowed:?}"));
        }
        self.has_type(schema, value, at)?;
        match value {
            Value::Object(_) => self.object(schema, value, at),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.fits(&schema["items"], item, &format!("{at}[{index}]"))),
            Value::String(text) if schema["format"] == "uuid" => {
                uuid::Uuid::parse_str(text).map(drop).map_err(|_| format!("{at}: {text} is no UUID"))
            }
            Value::Number(number) if number.as_f64() < schema["minimum"].as_f64() => {
                Err(format!("{at}: {number} is below the minimum"))
            }
            _ => Ok(()),
        }
    }

    fn has_type(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let is = |name: &str| match (name, value) {
            ("object", Value::Object(_)) | ("array", Value::Array(_)) | ("string", Value::String(_)) => true,
            ("boolean", Value::Bool(_)) | ("null", Value::Null) | ("number", Value::Number(_)) => true,
            ("integer", Value::Number(number)) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        let fits = match &schema["type"] {
            Value::String(name) => is(name),
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
            _ => true,
        };
        if fits { Ok(()) } else { Err(format!("{at}: {value} is not of type {}", schema["type"])) }
    }

    fn object(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if value.get(name).is_none() {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        let properties = schema["properties"].as_object();
        for (name, inner) in value.as_object().into_iter().flatten() {
            let place = format!("{at}.{name}");
            match (properties.and_then(|known| known.get(name)), &schema["additionalProperties"]) {
                (Some(known), _) => self.fits(known, inner, &place)?,
                (None, Value::Object(_)) => self.fits(&schema["additionalProperties"], inner, &place)?,
                // A problem says more where that helps.
                (None, _) if properties.is_some() && schema["properties"].get("detail").is_none() => {
                    return Err(format!("{place} is not described"));
                }
                (None, _) => {}
            }
        }
        Ok(())
    }
}
