//! Scenario files that load, and the way back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fisc::fiscal::law::TaxLaw;
use fisc::fiscal::uncertain::ObjectiveSet;
use fisc::fiscal::{Economy, Objective, Schedule, Utility, laws};
use fisc::llm::RemoteSpec;
use fisc::llm::remote::Structured;
use fisc::population::{Fact, PersonaSource, PopulationSpec, WagePrior};
use fisc::scenario::*;
use fisc::search::Method;
use fisc::voting::Rule;
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder with one file `s.toml`.
fn folder_with(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn load_with(text: &str, settings: &[&str]) -> Scenario {
    let (_folder, path) = folder_with(text);
    let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
    load(&path, &settings).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn small_model() -> ModelSettings {
    ModelSettings {
        backend: Backend::Gguf {
            model: "smollm2-135m".into(),
            keep: 0,
            lanes: None,
            gpu_layers: None,
        },
        readout: Readout::Choice,
        temperature: 1.0,
        top_p: 1.0,
        context_tokens: 4096,
        max_tokens: 256,
        think: 0,
        on_failure: OnFailure::Retry { attempts: 3 },
    }
}

fn llm_planner(model: &str) -> LlmPlanner {
    LlmPlanner {
        model: model.into(),
        proposals: None,
        memory: 12,
        best: 3,
        hints: true,
        exploration: 0.5,
        temperature: None,
        attempts: 3,
        answer: PlannerAnswer::Rates,
        warm_up: 1,
        final_years: 0,
    }
}

/// The section of a scenario that does not have it, which resolved scenarios leave out.
fn preferences() -> Preferences {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/design.toml");
    let scenario = load(&path, &[]).unwrap();
    assert!(!scenario.preferences.given);
    scenario.preferences
}

#[test]
fn the_example_of_the_design() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/design.toml");
    let law = laws::find("us-2024").unwrap();
    let expected = Scenario {
        name: "llm-planner".into(),
        seed: 42,
        steps: 40,
        tax_year: 8,
        population: PopulationSpec {
            personas: PersonaSource::Census,
            ..PopulationSpec::new(12, WagePrior::Census)
        },
        blind: vec![],
        persona_writer: None,
        economy: Economy::default(),
        taxes: Taxes {
            edges: law.edges().to_vec(),
            initial: law.clone(),
            allow_subsidy: false,
            grant: 0.0,
        },
        limits: Limits::default(),
        objective: Objective::InverseWage,
        uncertain: None,
        workers: vec![WorkerGroup {
            name: "workers-1".into(),
            share: 1.0,
            decide: Decide::Llm {
                model: "small".into(),
                choice: Pick::Draw,
                memory: Memory::Last(0),
            },
            bounded: false,
            dissatisfied: 0.5,
            motive: Motive::Own,
            labor_cost: None,
            labor_exponent: None,
            fixed_cost: FixedCost::None,
            hours_step: 0.0,
            adjustment_cost: 0.0,
        }],
        planner: PlannerKind::Llm(llm_planner("small")),
        compare: vec![
            PlannerKind::None,
            PlannerKind::Law("us-2024".into()),
            PlannerKind::SaezStatic { elasticity: None },
            PlannerKind::SaezFixedPoint { elasticity: None },
            PlannerKind::Optimal,
        ],
        voting: Voting {
            every: 1,
            candidates: Standing::Random { count: 5 },
            ballots: None,
            rule: Rule::Plurality,
            leader: None,
        },
        models: BTreeMap::from([("small".into(), small_model())]),
        record: Record { workers_every: 1 },
        prompts: None,
        preferences: preferences(),
        reward: None,
    };
    let scenario = load(&path, &[]).unwrap();
    assert_eq!(scenario, expected);
    let arms: Vec<_> = scenario.arms().map(PlannerKind::arm).collect();
    assert_eq!(
        arms,
        [
            "llm",
            "none",
            "us-2024",
            "saez-static",
            "saez-fixed-point",
            "optimal"
        ]
    );
}

#[test]
fn an_empty_file_is_a_scenario_of_defaults() {
    let scenario = load_with("", &[]);
    assert_eq!(scenario.name, "s");
    assert_eq!(
        (scenario.seed, scenario.steps, scenario.tax_year),
        (0, 40, 8)
    );
    assert_eq!(
        scenario.population,
        PopulationSpec::new(100, WagePrior::Census)
    );
    assert_eq!(scenario.economy, Economy::default());
    assert_eq!(Some(&scenario.taxes.initial), laws::find("us-2024"));
    assert!(!scenario.taxes.allow_subsidy);
    assert_eq!(scenario.objective, Objective::InverseWage);
    assert_eq!(scenario.workers.len(), 1);
    assert_eq!(scenario.workers[0].decide, Decide::Rational);
    assert_eq!(scenario.planner, PlannerKind::Fixed);
    assert!(scenario.compare.is_empty() && scenario.models.is_empty());
    assert_eq!(scenario.record, Record { workers_every: 1 });
    assert_eq!(scenario.prompts, None);
}

#[test]
fn ways_of_writing_taxes() {
    let three = load_with("[taxes]\nbrackets = \"three\"\ninitial = 0.25\n", &[]).taxes;
    assert_eq!(three.edges, [0.0, 90_000.0, 159_100.0]);
    assert_eq!(three.initial.rates(), [0.25, 0.25, 0.25]);
    let flat = load_with("[taxes]\nbrackets = \"flat\"\ninitial = 1\n", &[]).taxes;
    assert_eq!(flat.initial, Schedule::flat(1.0).unwrap());
    let text =
        "[taxes]\nbrackets = [0, 20_000, 8e4]\ninitial = [-0.1, 0, 0.5]\nallow_subsidy = true\n";
    let list = load_with(text, &[]).taxes;
    assert_eq!(list.initial.edges(), [0.0, 20_000.0, 80_000.0]);
    assert_eq!(list.initial.rates(), [-0.1, 0.0, 0.5]);
    let married = load_with("[taxes]\nbrackets = \"us-2019-married\"\n", &[]).taxes;
    assert_eq!(Some(&married.initial), laws::find("us-2019-married"));
}

#[test]
fn objectives_in_doubt() {
    let text = r#"
        [objective]
        among = ["utilitarian", { atkinson = { epsilon = 0.5 } }, { atkinson = {} }]
    "#;
    let order = load_with(text, &[]).uncertain.unwrap();
    let expected = [
        Objective::Utilitarian,
        Objective::Atkinson { epsilon: 0.5 },
        Objective::Atkinson { epsilon: 2.0 },
    ];
    assert_eq!(order.objectives(), expected);
    assert_eq!(order.credence(), None);
    let scenario = load_with(text, &["objective.credence=[2, 1, 1]"]);
    let set = scenario.uncertain.as_ref().unwrap();
    assert_eq!(set.credence(), Some(&[0.5, 0.25, 0.25][..]));
    // What planners pursue is another key.
    assert_eq!(scenario.objective, Objective::InverseWage);
    let (_folder, resolved) = folder_with(&to_toml(&scenario));
    assert_eq!(load(&resolved, &[]).unwrap().uncertain, scenario.uncertain);
}

#[test]
fn planners_as_strings_and_as_tables() {
    let text = r#"
        [planner]
        kind = { saez-static = { elasticity = 0.3 } }
        [compare]
        planners = [
            "flat", { saez-fixed-point = {} }, "saez-estimated", { none = {} }, "us-2013-head", "fixed",
            { llm = { model = "m", memory = 3, exploration = 0, temperature = 0.7, attempts = 1 } },
        ]
        [models.m]
        backend = { gguf = { model = "qwen2.5-coder-1.5b" } }
        on_failure = "stop"
    "#;
    let scenario = load_with(text, &[]);
    assert_eq!(
        scenario.planner,
        PlannerKind::SaezStatic {
            elasticity: Some(0.3)
        }
    );
    assert_eq!(
        scenario.compare,
        [
            PlannerKind::Flat { rate: None },
            PlannerKind::SaezFixedPoint { elasticity: None },
            PlannerKind::SaezEstimated,
            PlannerKind::None,
            PlannerKind::Law("us-2013-head".into()),
            PlannerKind::Fixed,
            PlannerKind::Llm(LlmPlanner {
                memory: 3,
                exploration: 0.0,
                temperature: Some(0.7),
                attempts: 1,
                ..llm_planner("m")
            }),
        ]
    );
    assert_eq!(scenario.models["m"].on_failure, OnFailure::Stop);
}

#[test]
fn useful_memory_is_read_and_written() {
    let useful = |records, considered, judge| Memory::Useful {
        records,
        considered,
        judge,
    };
    let cases = [
        ("7", Memory::Last(7)),
        ("\"useful\"", useful(4, None, MemoryJudge::Measured)),
        (
            "{ useful = { records = 2, considered = 9, judge = { listwise = {} } } }",
            useful(2, Some(9), MemoryJudge::Listwise { draws: 5 }),
        ),
        (
            "{ useful = { judge = { distilled = { sample = 3, years = 8 } } } }",
            useful(
                4,
                None,
                MemoryJudge::Distilled {
                    sample: 3,
                    years: Some(8),
                },
            ),
        ),
        (
            "{ useful = { judge = \"distilled\" } }",
            useful(
                4,
                None,
                MemoryJudge::Distilled {
                    sample: 20,
                    years: None,
                },
            ),
        ),
    ];
    for (written, memory) in cases {
        let text = format!(
            "[[workers]]\ndecide = {{ llm = {{ model = \"m\", memory = {written} }} }}\n[models.m]\nbackend = {{ gguf = {{ model = \"smollm2-135m\" }} }}\n"
        );
        let scenario = load_with(&text, &[]);
        let expected = Decide::Llm {
            model: "m".into(),
            choice: Pick::Draw,
            memory,
        };
        assert_eq!(scenario.workers[0].decide, expected);
        assert_eq!(load_with(&to_toml(&scenario), &[]), scenario);
    }
    let set = load_with(
        "[[workers]]\ndecide = { llm = { model = \"m\", memory = 3 } }\n[models.m]\nbackend = { gguf = { model = \"smollm2-135m\" } }\n",
        &["workers.0.decide.llm.memory.useful.records=1"],
    );
    assert!(matches!(
        set.workers[0].decide,
        Decide::Llm {
            memory: Memory::Useful { records: 1, .. },
            ..
        }
    ));
}

#[test]
fn the_main_planner_is_run_once() {
    let text = "[planner]\nkind = \"optimal\"\n[compare]\nplanners = [\"none\", \"optimal\"]\n";
    assert_eq!(load_with(text, &[]).compare, [PlannerKind::None]);
}

#[test]
fn settings_change_and_make_keys() {
    let settings = [
        "population.size=500",
        " name = set-by-hand ",
        "planner.kind.flat.rate=0.25",
        "taxes.initial.0=0.05",
        "models.tiny.backend.gguf.model=smollm2-135m",
        "models.tiny.readout=\"sample\"",
        "workers.0.share=0.5",
        "workers.1.share=0.5",
        "workers.1.decide.llm.model=tiny",
        "compare.planners=[\"none\", \"us-2024\"]",
        "population.wages.lognormal={ median = 20, sigma = 0.6 }",
        "economy.utility.isoelastic.eta=1",
        "seed=7",
        "seed=8",
    ];
    let text = "[population]\nwages = \"gb2\"\n[planner]\nkind = { saez-static = {} }\n\
                [taxes]\nbrackets = \"three\"\ninitial = [0.1, 0.2, 0.3]\n";
    let scenario = load_with(text, &settings);
    assert_eq!(scenario.name, "set-by-hand");
    assert_eq!(scenario.seed, 8);
    assert_eq!(scenario.population.size, 500);
    let lognormal = WagePrior::Lognormal {
        median: 20.0,
        sigma: 0.6,
    };
    assert_eq!(scenario.population.wages, lognormal);
    assert_eq!(scenario.planner, PlannerKind::Flat { rate: Some(0.25) });
    assert_eq!(scenario.taxes.initial.rates(), [0.05, 0.2, 0.3]);
    assert_eq!(scenario.models["tiny"].readout, Readout::Sample);
    assert_eq!(scenario.workers[0].share, 0.5);
    let llm = Decide::Llm {
        model: "tiny".into(),
        choice: Pick::Draw,
        memory: Memory::Last(0),
    };
    assert_eq!(scenario.workers[1].decide, llm);
    assert_eq!(scenario.compare.len(), 2);
    let isoelastic = Utility::Isoelastic {
        eta: 1.0,
        consumption_unit: 1000.0,
    };
    assert_eq!(scenario.economy.utility, isoelastic);
}

#[test]
fn files_are_found_beside_the_scenario() {
    let (folder, path) = folder_with(
        r#"
        prompts = "own-prompts"
        [population]
        size = 2
        wages = { file = { path = "w.csv" } }
        personas = { file = "p.jsonl" }
        [models.own]
        backend = { gguf = { model = "own.gguf" } }
        "#,
    );
    let here = folder.path();
    fs::write(here.join("w.csv"), "wage\n10\n20\n").unwrap();
    fs::write(here.join("p.jsonl"), "{\"text\":\"a\"}\n{\"text\":\"b\"}\n").unwrap();
    fs::create_dir(here.join("own-prompts")).unwrap();
    assert!(load(&path, &[]).is_err(), "the model is missing");
    assert!(
        load_for_replay(&path, &[]).is_ok(),
        "a replay needs no model"
    );
    fs::write(here.join("own.gguf"), "").unwrap();
    let scenario = load(&path, &[]).unwrap();
    assert_eq!(scenario.prompts, Some(here.join("own-prompts")));
    let wages = WagePrior::File {
        path: here.join("w.csv"),
        column: "wage".into(),
    };
    assert_eq!(scenario.population.wages, wages);
    let personas = PersonaSource::File {
        path: here.join("p.jsonl"),
    };
    assert_eq!(scenario.population.personas, personas);
    let model = Backend::Gguf {
        model: here.join("own.gguf").to_str().unwrap().into(),
        keep: 0,
        lanes: None,
        gpu_layers: None,
    };
    assert_eq!(scenario.models["own"].backend, model);
    // The resolved scenario says the same from another folder.
    let (_other, resolved) = folder_with(&to_toml(&scenario));
    assert_eq!(load(&resolved, &[]).unwrap(), scenario);
}

/// Any number that a key above zero takes.
fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![
        1e-12..1e-3f64,
        1e-3..1e3f64,
        1e3..1e15f64,
        Just(f64::MIN_POSITIVE),
        Just(0.1 + 0.2)
    ]
}

fn label() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}"
}

fn wages() -> impl Strategy<Value = WagePrior> {
    prop_oneof![
        Just(WagePrior::Gb2),
        Just(WagePrior::Gb2Stratified),
        Just(WagePrior::Census),
        (1.0..100.0f64, 0.0..2.0f64)
            .prop_map(|(median, sigma)| WagePrior::Lognormal { median, sigma }),
        (1.0..100.0f64, 0.1..2.0f64, 1.1..9.0f64).prop_map(|(median, sigma, tail)| {
            WagePrior::ParetoLognormal {
                median,
                sigma,
                tail,
            }
        }),
        (1.0..10.0f64, 10.0..90.0f64).prop_map(|(low, high)| WagePrior::Uniform { low, high }),
    ]
}

fn objective() -> impl Strategy<Value = Objective> {
    prop_oneof![
        prop::sample::select(Objective::defaults()),
        (0.0..=10.0f64).prop_map(|gamma| Objective::Isoelastic { gamma }),
        positive().prop_map(|scale| Objective::Prioritarian { scale }),
        prop::collection::vec(positive(), 1..5).prop_map(|weights| Objective::Pareto { weights }),
    ]
}

fn uncertain() -> impl Strategy<Value = ObjectiveSet> {
    let credence = prop::option::of(prop::collection::vec(positive(), 5));
    let objectives = prop::sample::subsequence(Objective::defaults(), 2..=5);
    (objectives, 0.0..1.0f64, credence).prop_map(|(mut objectives, epsilon, credence)| {
        objectives[0] = Objective::Atkinson { epsilon };
        let count = objectives.len();
        let set = ObjectiveSet::new(objectives).unwrap();
        match credence {
            Some(credence) => set.with_credence(&credence[..count]).unwrap(),
            None => set,
        }
    })
}

fn planner() -> impl Strategy<Value = PlannerKind> {
    prop_oneof![
        Just(PlannerKind::None),
        Just(PlannerKind::Fixed),
        Just(PlannerKind::Law("us-2017-separate".into())),
        (
            0.0..=1.0f64,
            0.01..1e5f64,
            prop_oneof![Just(0.0), 0.0..1e5f64]
        )
            .prop_map(|(rate, edge, grant)| PlannerKind::Composed {
                name: "reform_3-b".into(),
                law: TaxLaw::new(Schedule::new(&[0.0, edge], &[rate, 0.3]).unwrap(), grant)
                    .unwrap(),
            }),
        prop::option::of(0.0..=1.0f64).prop_map(|rate| PlannerKind::Flat { rate }),
        prop::option::of(positive()).prop_map(|elasticity| PlannerKind::SaezStatic { elasticity }),
        prop::option::of(positive())
            .prop_map(|elasticity| PlannerKind::SaezFixedPoint { elasticity }),
        Just(PlannerKind::SaezEstimated),
        Just(PlannerKind::Optimal),
        language().prop_map(PlannerKind::Llm),
        prop::option::of(rule()).prop_map(|rule| PlannerKind::Elected { rule }),
        (method(), 0u32..100).prop_map(|(method, final_years)| PlannerKind::Search {
            method,
            final_years
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    prop::sample::select(Rule::ALL.to_vec())
}

fn voting() -> impl Strategy<Value = Voting> {
    let candidates = prop_oneof![
        Just(Standing::All),
        (1usize..=10_000).prop_map(|count| Standing::Random { count }),
        (0.1..=100.0f64).prop_map(|step| Standing::Flat { step }),
        (1usize..=10_000, 0u32..=100).prop_map(|(among, civil)| Standing::Nominated {
            model: "m".into(),
            among,
            civil
        }),
    ];
    let model = || prop::option::of(Just("m".to_owned()));
    (1u32..=1_000_000, candidates, model(), rule(), model()).prop_map(
        |(every, candidates, ballots, rule, leader)| Voting {
            every,
            candidates,
            ballots,
            rule,
            leader,
        },
    )
}

fn language() -> impl Strategy<Value = LlmPlanner> {
    let answer = prop_oneof![
        Just(PlannerAnswer::Rates),
        sizes().prop_map(|points| PlannerAnswer::Steps { points }),
        (sizes(), any::<bool>())
            .prop_map(|(points, calibrated)| PlannerAnswer::Moves { points, calibrated }),
    ];
    (
        (0usize..1000, 0usize..1000, any::<bool>(), 0.0..=1.0f64),
        (0.001..5.0f64, prop::option::of(2u32..=1000), 1u32..100),
        (answer, 0u32..100, 0u32..100),
    )
        .prop_map(|(shown, asked, (answer, warm_up, final_years))| {
            let (memory, best, hints, exploration) = shown;
            let (temperature, proposals, attempts) = asked;
            // Only written schedules can be proposed by the dozen.
            let moves = matches!(answer, PlannerAnswer::Moves { .. });
            LlmPlanner {
                model: "m".into(),
                proposals: proposals.filter(|_| !moves),
                memory,
                best,
                hints,
                exploration,
                temperature: Some(temperature),
                attempts,
                answer,
                warm_up,
                final_years,
            }
        })
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Random),
        sizes().prop_map(|points| Method::HillClimb { points }),
        (0.1..=100.0f64).prop_map(|spread| Method::CmaEs { spread }),
        Just(Method::Bayesian),
        Just(Method::Bandit),
    ]
}

/// Sizes of moves, each once.
fn sizes() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::btree_set(1u32..=100, 1..4).prop_map(|sizes| sizes.into_iter().collect())
}

fn taxes() -> impl Strategy<Value = Taxes> {
    (
        prop::collection::vec(0.01..1e5f64, 0..12),
        prop::collection::vec(-1.0..=1.0f64, 12),
        any::<bool>(),
        prop_oneof![Just(0.0), 0.0..1e5f64],
    )
        .prop_map(|(widths, mut rates, allow_subsidy, grant)| {
            let mut edges = vec![0.0];
            edges.extend(widths.iter().scan(0.0, |edge, width| {
                *edge += width;
                Some(*edge)
            }));
            if !allow_subsidy {
                rates.iter_mut().for_each(|rate| *rate = rate.abs());
            }
            let rates = &rates[..edges.len()];
            Taxes {
                initial: Schedule::with_subsidy(&edges, rates, allow_subsidy).unwrap(),
                edges,
                allow_subsidy,
                grant,
            }
        })
}

fn workers() -> impl Strategy<Value = Vec<WorkerGroup>> {
    let decide = prop_oneof![
        Just(Decide::Rational),
        (0.0..=60.0f64).prop_map(|hours| Decide::Fixed { hours }),
        (0.1..1e5f64).prop_map(|scale| Decide::Logit { scale }),
        (0.1..20.0f64).prop_map(|step| Decide::Adaptive { step }),
        (
            prop::sample::select(vec![Pick::Draw, Pick::Mode, Pick::Mean]),
            0usize..=1000
        )
            .prop_map(|(choice, memory)| Decide::Llm {
                model: "m".into(),
                choice,
                memory: Memory::Last(memory),
            }),
    ];
    let motive = prop::sample::select(vec![Motive::Own, Motive::Altruistic, Motive::Adversarial]);
    let tastes = prop::option::of((1e-9..1.0f64, 1.01..12.0f64));
    let fixed_cost = prop_oneof![
        Just(FixedCost::None),
        (0.0..1e4f64, 0.0..1e4f64).prop_map(|(low, more)| FixedCost::Uniform {
            low,
            high: low + more
        }),
        (1.0..1e4f64, 0.0..2.0f64)
            .prop_map(|(median, sigma)| FixedCost::Lognormal { median, sigma }),
    ];
    let frictions = (fixed_cost, 0.0..0.5f64, 0.0..1e3f64);
    let group = (
        0.01..1.0f64,
        decide,
        motive,
        any::<bool>(),
        0.0..=1.0f64,
        tastes,
        frictions,
    );
    prop::collection::vec(group, 1..5).prop_map(|groups| {
        let total: f64 = groups.iter().map(|group| group.0).sum();
        let groups = groups.into_iter().enumerate();
        groups
            .map(|(index, group)| {
                let (part, decide, motive, bounded, dissatisfied, tastes, frictions) = group;
                let asks = matches!(decide, Decide::Rational | Decide::Llm { .. });
                let plain = decide == Decide::Rational && motive == Motive::Own && !bounded;
                let (fixed_cost, hours_step, adjustment_cost) = match plain {
                    true => frictions,
                    false => (FixedCost::None, 0.0, 0.0),
                };
                WorkerGroup {
                    name: format!("group.{index}"),
                    share: part / total,
                    motive: if asks { motive } else { Motive::Own },
                    decide,
                    bounded,
                    dissatisfied,
                    labor_cost: tastes.map(|tastes| tastes.0),
                    labor_exponent: tastes.map(|tastes| tastes.1),
                    fixed_cost,
                    hours_step,
                    adjustment_cost,
                }
            })
            .collect()
    })
}

fn model() -> impl Strategy<Value = ModelSettings> {
    let on_failure = prop_oneof![
        (1u32..100).prop_map(|attempts| OnFailure::Retry { attempts }),
        Just(OnFailure::KeepLast),
        Just(OnFailure::Stop)
    ];
    (
        backend(),
        0.0..5.0f64,
        0.001..=1.0f64,
        256u32..100_000,
        0u32..4,
        on_failure,
    )
        .prop_map(
            |(backend, temperature, top_p, context_tokens, think, on_failure)| ModelSettings {
                backend,
                temperature,
                top_p,
                context_tokens,
                max_tokens: context_tokens / 8,
                think: context_tokens / 8 * think,
                on_failure,
                ..small_model()
            },
        )
}

fn backend() -> impl Strategy<Value = Backend> {
    let gguf = (
        prop::sample::select(vec!["smollm2-135m", "hf:a-b/C_1/d/e.gguf@v1"]),
        0u32..=1_048_576,
        prop::option::of(1usize..=16),
        prop::option::of(0u32..=10_000),
    );
    let gguf = gguf.prop_map(|(model, keep, lanes, gpu_layers)| Backend::Gguf {
        model: model.into(),
        keep,
        lanes,
        gpu_layers,
    });
    let structured = vec![
        Structured::JsonSchema,
        Structured::Grammar,
        Structured::None,
    ];
    let remote = (
        prop::collection::vec("https?://[a-z.]{1,9}(:[0-9]{4})?(/v1)?", 1..3),
        prop::option::of("[A-Z][A-Z0-9_]{0,20}"),
        1usize..=64,
        (positive(), positive()),
        0u32..=20,
        prop::sample::select(structured),
        (positive(), positive(), prop::option::of(positive())),
    );
    let remote = remote.prop_map(
        |(urls, key_env, parallel, (timeout, deadline), retries, structured, money)| {
            Backend::OpenAi(RemoteSpec {
                key_env,
                parallel,
                timeout: timeout.min(3e7),
                deadline: deadline.min(3e7),
                retries,
                structured,
                price_prompt: money.0,
                price_answer: money.1,
                budget: money.2,
                ..RemoteSpec::new("served/model-1", urls)
            })
        },
    );
    prop_oneof![gguf, remote]
}

fn economy() -> impl Strategy<Value = Economy> {
    let utility = prop_oneof![
        Just(Utility::Quasilinear),
        (0.0..9.0f64, positive()).prop_map(|(eta, consumption_unit)| Utility::Isoelastic {
            eta,
            consumption_unit
        })
    ];
    (
        utility,
        positive(),
        1.001..20.0f64,
        60.0..168.0f64,
        0.1..53.0f64,
        -1e9..1e9f64,
    )
        .prop_map(
            |(utility, labor_cost, labor_exponent, labor_max, weeks_per_year, public_spending)| {
                Economy {
                    utility,
                    labor_cost,
                    labor_exponent,
                    labor_max,
                    weeks_per_year,
                    public_spending,
                }
            },
        )
}

prop_compose! {
    fn scenario()(
        (name, seed, years, tax_year) in (label(), 0..=i64::MAX as u64, 1u32..100, 1u32..100),
        (size, wages, wage_cap) in (1usize..10_000_000, wages(), 7.25..1e4f64),
        (economy, taxes, objective, workers) in (economy(), taxes(), objective(), workers()),
        (planner, compare) in (planner(), prop::collection::vec(planner(), 0..6)),
        (model, workers_every) in (model(), 0u32..1000),
        blind in prop::sample::subsequence(Fact::ALL.to_vec(), 0..=6),
        written in prop::option::of(1usize..=64),
        voting in voting(),
        uncertain in prop::option::of(uncertain()),
    ) -> Scenario {
        let personas = match wages {
            WagePrior::Census => PersonaSource::Census,
            _ => PersonaSource::None,
        };
        let mut arms: Vec<PlannerKind> = Vec::new();
        for arm in compare {
            if arms.iter().chain([&planner]).all(|other| other.arm() != arm.arm()) {
                arms.push(arm);
            }
        }
        // Moves need a server that gives the probability of each.
        let moves = |arm: &PlannerKind| {
            matches!(arm, PlannerKind::Llm(LlmPlanner { answer: PlannerAnswer::Moves { .. }, .. }))
        };
        let mut model = model;
        if let Backend::OpenAi(spec) = &mut model.backend
            && arms.iter().chain([&planner]).any(moves)
        {
            spec.structured = Structured::Grammar;
        }
        let mut planner = planner;
        for arm in arms.iter_mut().chain([&mut planner]) {
            // Something is tried in some year.
            let room = years.saturating_sub(2);
            match arm {
                PlannerKind::Llm(planner) => {
                    planner.final_years = planner.final_years.min(room);
                    planner.warm_up = planner.warm_up.min(1 + room - planner.final_years);
                }
                PlannerKind::Search { final_years, .. } => *final_years = (*final_years).min(room),
                _ => {}
            }
        }
        Scenario {
            name, seed, steps: years * tax_year, tax_year,
            persona_writer: match personas {
                PersonaSource::None => None,
                _ => written.map(|max_tokens| PersonaWriter { model: "m".into(), max_tokens }),
            },
            blind,
            population: PopulationSpec { size, wages, personas, wage_cap },
            limits: limits(seed), economy, taxes, objective, uncertain, workers, planner, compare: arms, voting,
            models: BTreeMap::from([("m".to_owned(), model)]),
            record: Record { workers_every },
            prompts: None,
            preferences: preferences(),
            reward: None,
        }
    }
}

/// Some limits for each seed.
fn limits(seed: u64) -> Limits {
    Limits {
        rate_max: 1.0 - (seed % 7) as f64 / 10.0,
        rates_rise: seed % 2 == 1,
        revenue: match seed % 3 {
            0 => RevenueRule::Free,
            1 => RevenueRule::AtLeast(1e4 / (1 + seed % 9) as f64),
            _ => RevenueRule::Neutral("us-2019-head".to_owned()),
        },
    }
}

proptest! {
    #[test]
    fn a_resolved_scenario_loads_back_equal(scenario in scenario()) {
        let text = to_toml(&scenario);
        let (_folder, path) = folder_with(&text);
        let back = load(&path, &[]).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&back, &scenario, "{}", text);
        prop_assert_eq!(to_toml(&back), text);
    }
}
