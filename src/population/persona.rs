//! Who a worker is, in words that a prompt can use.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Sex as the surveys record it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// A persona from a file that does not say.
    #[default]
    Unstated,
}

impl Sex {
    /// `female`, `male`, or nothing when unstated.
    pub fn name(self) -> &'static str {
        match self {
            Sex::Female => "female",
            Sex::Male => "male",
            Sex::Unstated => "",
        }
    }

    fn is_unstated(&self) -> bool {
        *self == Sex::Unstated
    }
}

impl FromStr for Sex {
    type Err = &'static str;

    /// Reads `female` or `male` in any case; the error says what is allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Sex::Female, Sex::Male]
            .into_iter()
            .find(|sex| sex.name().eq_ignore_ascii_case(text))
            .ok_or("\"female\" or \"male\"")
    }
}

/// Highest completed education, in the General Social Survey's five degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Education {
    /// A persona from a file that does not say.
    #[default]
    Unstated,
    /// Less than high school.
    LessThanHighSchool,
    /// High school, possibly with some college.
    HighSchool,
    /// Associate or junior-college degree.
    Associate,
    /// Bachelor's degree.
    Bachelor,
    /// Graduate degree.
    Graduate,
}

impl Education {
    /// Every stated degree, in ascending order.
    pub const STATED: [Education; 5] = [
        Education::LessThanHighSchool,
        Education::HighSchool,
        Education::Associate,
        Education::Bachelor,
        Education::Graduate,
    ];

    /// The degree in words, or nothing when unstated.
    pub fn name(self) -> &'static str {
        match self {
            Education::Unstated => "",
            Education::LessThanHighSchool => "less than high school",
            Education::HighSchool => "high school",
            Education::Associate => "associate degree",
            Education::Bachelor => "bachelor's degree",
            Education::Graduate => "graduate degree",
        }
    }

    fn is_unstated(&self) -> bool {
        *self == Education::Unstated
    }
}

impl FromStr for Education {
    type Err = &'static str;

    /// Reads the name in words, in any case; the error says what is allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Education::STATED
            .into_iter()
            .find(|education| education.name().eq_ignore_ascii_case(text))
            .ok_or(
                "\"less than high school\", \"high school\", \"associate degree\", \
                 \"bachelor's degree\" or \"graduate degree\"",
            )
    }
}

macro_rules! shown_by_name {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    )*};
}

shown_by_name!(Sex, Education);

/// A worker's persona.
///
/// A census persona states everything but `text`. A persona from a file may
/// consist of `text` alone; what it leaves unsaid is empty (`""`, `0`,
/// `Unstated`) and absent from its serialised form, so that a prompt template
/// can test for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Persona {
    /// Occupation title (SOC 2018), in the plural as the BLS writes it: "Registered Nurses".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub occupation: String,
    /// SOC 2018 code of the occupation, such as `29-1141`; a major group (`29-0000`) where no finer title is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub soc: String,
    /// Sex.
    #[serde(skip_serializing_if = "Sex::is_unstated")]
    pub sex: Sex,
    /// Age in years; 0 when unstated.
    #[serde(skip_serializing_if = "is_zero")]
    pub age: u32,
    /// Highest completed education.
    #[serde(skip_serializing_if = "Education::is_unstated")]
    pub education: Education,
    /// Usual hours worked per week; 0 when unstated.
    #[serde(skip_serializing_if = "is_zero")]
    pub usual_hours: u32,
    /// Marital status and children, such as "married, 2 children under 18".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// Free text of a persona from a file, which stands in the place of all facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a language model wrote from the facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
}

/// A fact of a persona that a scenario can leave unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Occupation and its code.
    Occupation,
    /// Sex.
    Sex,
    /// Age.
    Age,
    /// Education.
    Education,
    /// Usual hours.
    UsualHours,
    /// Family.
    Family,
}

impl Fact {
    /// All of them.
    pub const ALL: [Fact; 6] = [
        Fact::Occupation,
        Fact::Sex,
        Fact::Age,
        Fact::Education,
        Fact::UsualHours,
        Fact::Family,
    ];

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Fact::Occupation => "occupation",
            Fact::Sex => "sex",
            Fact::Age => "age",
            Fact::Education => "education",
            Fact::UsualHours => "usual_hours",
            Fact::Family => "family",
        }
    }
}

impl Persona {
    /// The persona with these facts unstated. Free text is not changed.
    #[must_use]
    pub fn without(&self, facts: &[Fact]) -> Persona {
        let mut persona = self.clone();
        for fact in facts {
            match fact {
                Fact::Occupation => {
                    persona.occupation.clear();
                    persona.soc.clear();
                }
                Fact::Sex => persona.sex = Sex::Unstated,
                Fact::Age => persona.age = 0,
                Fact::Education => persona.education = Education::Unstated,
                Fact::UsualHours => persona.usual_hours = 0,
                Fact::Family => persona.family.clear(),
            }
        }
        persona
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for education in Education::STATED {
            assert_eq!(education.to_string().to_uppercase().parse(), Ok(education));
        }
        assert_eq!("Female".parse(), Ok(Sex::Female));
        assert!("".parse::<Sex>().is_err());
        assert!(
            "PhD"
                .parse::<Education>()
                .unwrap_err()
                .contains("graduate degree")
        );
    }

    #[test]
    fn a_text_persona_serialises_to_its_text_alone() {
        let persona = Persona {
            text: Some("You love your work.".into()),
            ..Persona::default()
        };
        let json = serde_json::to_string(&persona).unwrap();
        assert_eq!(json, r#"{"text":"You love your work."}"#);
    }

    #[test]
    fn a_full_persona_serialises_in_words() {
        let persona = Persona {
            occupation: "Registered Nurses".into(),
            soc: "29-1141".into(),
            sex: Sex::Female,
            age: 43,
            education: Education::Bachelor,
            usual_hours: 36,
            family: "married, 2 children under 18".into(),
            text: None,
            written: None,
        };
        assert_eq!(
            serde_json::to_string(&persona).unwrap(),
            r#"{"occupation":"Registered Nurses","soc":"29-1141","sex":"female","age":43,"education":"bachelor's degree","usual_hours":36,"family":"married, 2 children under 18"}"#
        );
    }
}
