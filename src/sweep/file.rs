use crate::error::*;
use std::path::*;
pub struct Sweep {
    pub name: String,
    pub base: PathBuf,
    pub set: Vec<Setting>,
    pub keys: Vec<String>,
    pub points: Vec<Point>,
    pub seeds: Vec<u64>,
    pub on_error: OnError,
    pub csv: bool,
    pub text: String,
    pub warnings: Vec<String>,
}
pub struct Setting {
    pub key: String,
    pub value: Value,
    pub place: Place,
}
pub struct Point {
    pub values: Vec<Value>,
    pub place: Place,
}
#[derive(PartialEq, Clone)]
pub enum Value {
    Whole(i64),
    Number(f64),
    Text(String),
    Toml(String),
}
#[derive(PartialEq)]
pub enum OnError {
    Continue,
    Stop,
}
impl Value {
    pub fn label(&self) -> String {
        match self {
            Value::Whole(n) => n.to_string(),
            Value::Number(n) => n.to_string(),
            Value::Text(t) => t.clone(),
            Value::Toml(t) => t.clone(),
        }
    }
    fn of(v: &toml::Value) -> Value {
        match v {
            toml::Value::Integer(i) => Value::Whole(*i),
            toml::Value::Float(f) => Value::Number(*f),
            toml::Value::String(s) => Value::Text(s.clone()),
            o => Value::Toml(o.to_string()),
        }
    }
}
fn flat(prefix: &str, v: &toml::Value, out: &mut Vec<(String, Vec<Value>)>) {
    match v {
        toml::Value::Table(t) => {
            for (k, v) in t {
                flat(
                    &if prefix.is_empty() {
                        k.clone()
                    } else {
                        format!("{prefix}.{k}")
                    },
                    v,
                    out,
                )
            }
        }
        toml::Value::Array(a) => out.push((prefix.to_owned(), a.iter().map(Value::of).collect())),
        o => out.push((prefix.to_owned(), vec![Value::of(o)])),
    }
}
impl Sweep {
    pub fn load(p: &Path) -> Result<Sweep> {
        let text = std::fs::read_to_string(p).unwrap();
        let t: toml::Table = text.parse().unwrap();
        let n = t["seeds"].as_integer().unwrap() as u64;
        let mut ax = vec![];
        if let Some(g) = t.get("grid") {
            flat("", g, &mut ax);
        }
        let mut points: Vec<Vec<Value>> = vec![vec![]];
        for (_, vs) in &ax {
            points = points
                .iter()
                .flat_map(|p| {
                    vs.iter().map(move |v| {
                        let mut p = p.clone();
                        p.push(v.clone());
                        p
                    })
                })
                .collect();
        }
        let mut st = vec![];
        if let Some(g) = t.get("set") {
            flat("", g, &mut st);
        }
        Ok(Sweep {
            name: t["name"].as_str().unwrap().into(),
            base: p.parent().unwrap().join(t["base"].as_str().unwrap()),
            set: st
                .into_iter()
                .map(|(k, v)| Setting {
                    key: k,
                    value: v[0].clone(),
                    place: Place::default(),
                })
                .collect(),
            keys: ax.iter().map(|a| a.0.clone()).collect(),
            points: points
                .into_iter()
                .map(|v| Point {
                    values: v,
                    place: Place::default(),
                })
                .collect(),
            seeds: (1..=n).collect(),
            on_error: if t.get("on_error").and_then(|v| v.as_str()) == Some("stop") {
                OnError::Stop
            } else {
                OnError::Continue
            },
            csv: false,
            text,
            warnings: vec![],
        })
    }
    pub fn overrides(&self, point: &Point, seed: u64) -> Vec<String> {
        let mut v: Vec<String> = self
            .set
            .iter()
            .map(|s| format!("{}={}", s.key, s.value.label()))
            .collect();
        v.extend(
            self.keys
                .iter()
                .zip(&point.values)
                .map(|(k, v)| format!("{k}={}", v.label())),
        );
        v.push(format!("seed={seed}"));
        v
    }
}
