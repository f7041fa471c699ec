//! Every prompt as a person can read it, in `tests/snapshots/`. After a deliberate change:
//! `INSTA_UPDATE=always cargo test --test prompts`, and read the difference.

use fisc::audit::stimulus::Wording;
use fisc::fiscal::choice::hour_options;
use fisc::fiscal::{Economy, Motive, Objective, Schedule, Utility, laws};
use fisc::llm::{Message, Prompts};
use fisc::population::{Education, Fact, Persona, Sex};
use fisc::world::asking::PROMPTS;
use fisc::world::elections::ballots::{BallotPrompt, CandidateText, PersonText};
use fisc::world::elections::candidates::{LeaderPrompt, PlatformPrompt};
use fisc::world::elections::civil::{CivilPrompt, TONES, TonePrompt};
use fisc::world::judging::{FollowUpPrompt, JudgePrompt};
use fisc::world::language::{Memory, Period, Setting, bracket_texts, worker_prompt};
use fisc::world::planners::language::{PlannerPrompt, YearText};
use fisc::world::rating::choice::ComparePrompt;
use fisc::world::rating::statements::{SignalPrompt, StatementPrompt};
use fisc::world::rating::{LawText, SocietyText};
use fisc::world::recall::UsefulPrompt;
use fisc::world::satisfaction::{ANSWERS, SatisfactionPrompt};
use fisc::world::thinking;
use serde_json::json;

fn prompts() -> Prompts {
    Prompts::new(&PROMPTS, None).unwrap()
}

fn text(messages: &[Message]) -> String {
    let each = messages
        .iter()
        .map(|message| format!("### {}\n{}\n", message.role.name(), message.content));
    each.collect()
}

fn nurse() -> Persona {
    Persona {
        occupation: "Registered Nurses".into(),
        soc: "29-1141".into(),
        sex: Sex::Female,
        age: 43,
        education: Education::Bachelor,
        usual_hours: 36,
        family: "married, 2 children under 18".into(),
        text: None,
        written: None,
    }
}

fn period(period: u32, hours: f64, utility: f64) -> Period {
    Period {
        period,
        hours,
        income: 52.0 * 38.5 * hours,
        tax: 7_000.0,
        rebate: 9_500.0,
        disposable: 52.0 * 38.5 * hours + 2_500.0,
        utility,
    }
}

fn worker(
    economy: &Economy,
    schedule: &Schedule,
    motive: Motive,
    persona: Option<&Persona>,
    memory: Option<&Memory>,
) -> String {
    let hours = hour_options(economy.labor_max);
    let options: Vec<String> = hours.iter().map(f64::to_string).collect();
    let setting = Setting {
        economy,
        schedule,
        motive,
        objective: &Objective::InverseWage,
        hours: &hours,
        options: &options,
    };
    let context = worker_prompt(&setting, 38.5, persona, memory);
    text(&prompts().render("worker.j2", &context).unwrap())
}

fn us() -> &'static Schedule {
    laws::find("us-2024").unwrap()
}

#[test]
fn worker_prompts() {
    let economy = Economy::default();
    let plain = |persona| worker(&economy, us(), Motive::Own, persona, None);
    let whole = nurse();
    insta::assert_snapshot!("worker", plain(Some(&whole)));
    insta::assert_snapshot!("worker_without_persona", plain(None));
    let own_words = Persona {
        text: Some("You grow roses and love early mornings.".into()),
        ..Persona::default()
    };
    insta::assert_snapshot!("worker_in_own_words", plain(Some(&own_words)));
    let portrait = Persona {
        written: Some("You work shifts. You like your ward.".into()),
        ..nurse()
    };
    insta::assert_snapshot!("worker_with_written_persona", plain(Some(&portrait)));
    for motive in [Motive::Altruistic, Motive::Adversarial] {
        let name = format!("worker_{}", motive.name());
        let flat = Schedule::flat(0.3).unwrap();
        insta::assert_snapshot!(name, worker(&economy, &flat, motive, None, None));
    }
    let memory = Memory {
        past: vec![period(7, 40.0, 41_250.0), period(8, 50.0, 38_900.0)],
        best: Some(period(3, 30.0, 44_000.0)),
    };
    insta::assert_snapshot!(
        "worker_with_a_past",
        worker(&economy, us(), Motive::Own, Some(&nurse()), Some(&memory))
    );
    let isoelastic = Economy {
        utility: Utility::Isoelastic {
            eta: 1.5,
            consumption_unit: 1_000.0,
        },
        labor_cost: 1e-7,
        ..economy
    };
    let memory = Memory {
        past: vec![period(1, 40.0, 1.674_12)],
        best: Some(period(1, 40.0, 1.674_12)),
    };
    insta::assert_snapshot!(
        "worker_with_a_past_isoelastic",
        worker(&isoelastic, us(), Motive::Own, None, Some(&memory))
    );
}

/// A fact that is left unsaid is in no prompt, and the rest still reads well.
#[test]
fn blinded_personas() {
    let economy = Economy::default();
    let mut all = String::new();
    for fact in Fact::ALL {
        let persona = nurse().without(&[fact]);
        let shown = worker(&economy, us(), Motive::Own, Some(&persona), None);
        let line = shown.lines().last().unwrap();
        all.push_str(&format!("without {}: {line}\n", fact.name()));
        let hidden = match fact {
            Fact::Occupation => "Nurses",
            Fact::Sex => "woman",
            Fact::Age => "43-year",
            Fact::Family => "married",
            Fact::Education => "bachelor",
            Fact::UsualHours => "36",
        };
        assert!(!shown.contains(hidden), "{shown}");
        let writer = prompts()
            .render("persona-writer.j2", json!({ "persona": persona }))
            .unwrap();
        let hidden = match fact {
            Fact::Sex => "female",
            Fact::Age => "43",
            _ => hidden,
        };
        assert!(!text(&writer).contains(hidden));
    }
    let nobody = nurse().without(&Fact::ALL);
    let shown = worker(&economy, us(), Motive::Own, Some(&nobody), None);
    all.push_str(&format!("without all: {}\n", shown.lines().last().unwrap()));
    insta::assert_snapshot!("worker_blinded", all);
}

#[test]
fn persona_writer_prompt() {
    let facts = json!({ "persona": nurse() });
    let messages = prompts().render("persona-writer.j2", facts).unwrap();
    insta::assert_snapshot!("persona_writer", text(&messages));
}

#[test]
fn satisfaction_prompt() {
    let nurse = nurse();
    let context = SatisfactionPrompt {
        brackets: bracket_texts(us()),
        persona: Some(&nurse),
        wage: 38.5,
        hours: 40.0,
        income: 80_080.0,
        tax: 12_400.25,
        rebate: 9_500.0,
        disposable: 77_179.75,
        options: ANSWERS,
    };
    let messages = prompts().render("satisfaction.j2", &context).unwrap();
    insta::assert_snapshot!("satisfaction", text(&messages));
}

#[test]
fn planner_prompts() {
    let schedule = Schedule::new(&[0.0, 90_000.0, 159_100.0], &[0.12, 0.22, 0.35]).unwrap();
    let year = |year: u32, percents: [f64; 3], welfare: f64| YearText {
        year,
        percents: percents.to_vec(),
        welfare,
        welfare_text: format!("{welfare:.0}"),
        revenue: 9_500.0,
        income_mean: 61_000.0,
        labor_mean: 41.25,
        gini_income: 0.512,
        gini_disposable: 0.431,
    };
    let mut context = PlannerPrompt {
        brackets: bracket_texts(&schedule),
        objective: Objective::InverseWage.in_words(),
        unit: Objective::InverseWage.unit(&Economy::default()).to_owned(),
        public_spending: 0.0,
        years: vec![
            year(1, [12.0, 22.0, 35.0], 31_250.0),
            year(2, [42.0, 52.0, 65.0], 33_410.0),
        ],
        best: Some(year(2, [42.0, 52.0, 65.0], 33_410.0)),
        hints: true,
        answer: "rates",
        points: vec![10, 20],
        year: 3,
        years_total: 12,
        exploration: 0.8,
        tried: vec![vec![12.0, 22.0, 35.0], vec![42.0, 52.0, 65.0]],
        options: vec!["72, 52, 65".into(), "12, 52, 65".into()],
    };
    let render =
        |name: &str, context: &PlannerPrompt| text(&prompts().render(name, context).unwrap());
    insta::assert_snapshot!("planner_exploring", render("planner.j2", &context));
    insta::assert_snapshot!("planner_moves", render("planner-moves.j2", &context));
    context.exploration = 0.3;
    context.public_spending = 1_500.0;
    insta::assert_snapshot!("planner_comparing", render("planner.j2", &context));
    context.exploration = 0.0;
    insta::assert_snapshot!("planner_exploiting", render("planner.j2", &context));
    context.hints = false;
    insta::assert_snapshot!("planner_without_hints", render("planner.j2", &context));
    context.answer = "steps";
    insta::assert_snapshot!("planner_steps", render("planner.j2", &context));
}

#[test]
fn election_prompts() {
    let nurse = nurse();
    let person = PersonText {
        persona: Some(&nurse),
        wage: 38.5,
        hours: 36.0,
        income: 72_072.0,
        tax: 11_180.84,
        rebate: 9_500.0,
    };
    let schedule = Schedule::new(&[0.0, 90_000.0, 159_100.0], &[0.12, 0.22, 0.35]).unwrap();
    let platform = Schedule::new(&[0.0, 90_000.0, 159_100.0], &[0.1, 0.4, 0.6]).unwrap();
    let flat = Schedule::flat(0.3).unwrap();
    let candidate = |number, schedule: &Schedule, statement| CandidateText {
        number,
        brackets: bracket_texts(schedule),
        statement,
        tax: schedule.tax(person.income),
    };
    let options = ["1".to_owned(), "2".to_owned()];
    let ballot = BallotPrompt {
        brackets: bracket_texts(&schedule),
        person: person.clone(),
        candidates: vec![
            candidate(1, &platform, Some("Those who can, carry more.")),
            candidate(2, &flat, None),
        ],
        options: &options,
    };
    let shown = |messages: &[Message]| text(messages);
    let prompts = prompts();
    insta::assert_snapshot!(
        "ballot",
        shown(&prompts.render("ballot.j2", &ballot).unwrap())
    );
    let stand = PlatformPrompt {
        brackets: bracket_texts(&schedule),
        person: person.clone(),
    };
    insta::assert_snapshot!(
        "platform",
        shown(&prompts.render("platform.j2", &stand).unwrap())
    );
    let leader = LeaderPrompt {
        brackets: bracket_texts(&schedule),
        platform: vec![10.0, 40.0, 60.0],
        person,
        years: vec![YearText {
            year: 1,
            percents: vec![12.0, 22.0, 35.0],
            welfare: 31_250.0,
            welfare_text: "31250".into(),
            revenue: 9_500.0,
            income_mean: 61_000.0,
            labor_mean: 41.25,
            gini_income: 0.512,
            gini_disposable: 0.431,
        }],
    };
    insta::assert_snapshot!(
        "leader",
        shown(&prompts.render("leader.j2", &leader).unwrap())
    );
}

#[test]
fn prompts_of_raters() {
    let nurse = nurse();
    let law = |letter, schedule: &Schedule, hours: f64| LawText {
        letter,
        brackets: bracket_texts(schedule),
        hours,
        income: 52.0 * 38.5 * hours,
        tax: schedule.tax(52.0 * 38.5 * hours),
        rebate: 9_500.0,
        disposable: 52.0 * 38.5 * hours - schedule.tax(52.0 * 38.5 * hours) + 9_500.0,
        society: SocietyText {
            disposable_deciles: (1..=10).map(|k| 12_345.6 * f64::from(k)).collect(),
            labor_mean: 38.25,
            income_mean: 72_000.4,
            gini_disposable: 0.414,
            revenue: 9_500.0,
        },
    };
    let flat = Schedule::flat(0.3).unwrap();
    let options = ["A".to_owned(), "B".to_owned()];
    for shown in ["own", "society", "rates"] {
        let context = ComparePrompt {
            persona: Some(&nurse),
            wage: 38.5,
            laws: [law("A", us(), 40.0), law("B", &flat, 36.5)],
            shown,
            options: &options,
        };
        let messages = prompts().render("compare.j2", &context).unwrap();
        insta::assert_snapshot!(format!("compare_{shown}"), text(&messages));
    }
    let context = StatementPrompt {
        persona: Some(&nurse),
        wage: 38.5,
        law: law("", us(), 40.0),
    };
    let messages = prompts().render("statement.j2", &context).unwrap();
    insta::assert_snapshot!("statement", text(&messages));
    let context = SignalPrompt {
        statement: "I pay a lot, but it comes back.",
        options: ANSWERS,
    };
    let messages = prompts().render("signal.j2", &context).unwrap();
    insta::assert_snapshot!("signal", text(&messages));
}

#[test]
fn prompts_of_judges() {
    let candidates = [
        "Marginal tax rates: 30.0 % from $0; lump sum paid to everybody: $9000 a year.".to_owned(),
        "Marginal tax rates: 60.0 % from $0; lump sum paid to everybody: $14000 a year.".to_owned(),
    ];
    let options = ["1".to_owned(), "2".to_owned()];
    let context = JudgePrompt {
        principle: "Those who have least come first.",
        candidates: &candidates,
        options: &options,
    };
    let messages = prompts().render("judge.j2", &context).unwrap();
    insta::assert_snapshot!("judge", text(&messages));
    let nurse = nurse();
    let context = FollowUpPrompt {
        persona: Some(&nurse),
        context: "This year I worked 40 hours a week, earned $80080, paid $12400 in tax, got $9500 back as a lump sum and kept $77180.",
    };
    let messages = prompts().render("follow-up.j2", &context).unwrap();
    insta::assert_snapshot!("follow_up", text(&messages));
}

#[test]
fn prompts_of_an_audit() {
    let economy = Economy::default();
    let hours = hour_options(economy.labor_max);
    let nurse = nurse();
    let said = |wording: Wording, motive: Motive| {
        let order = wording.order(hours.len());
        let options: Vec<String> = order.into_iter().map(|i| hours[i].to_string()).collect();
        let setting = Setting {
            economy: &economy,
            schedule: us(),
            motive,
            objective: &Objective::InverseWage,
            hours: &hours,
            options: &options,
        };
        let mut context = worker_prompt(&setting, 38.5, Some(&nurse), None);
        if wording == Wording::BracketsReversed {
            context.brackets.reverse();
        }
        let messages = prompts().render(&wording.template(), &context).unwrap();
        text(&wording.applied(messages))
    };
    for (name, wording) in [
        ("audit_paraphrase_1", Wording::Paraphrase(1)),
        ("audit_paraphrase_2", Wording::Paraphrase(2)),
        ("audit_paraphrase_3", Wording::Paraphrase(3)),
        ("audit_paraphrase_4", Wording::Paraphrase(4)),
        ("audit_paraphrase_5", Wording::Paraphrase(5)),
        ("audit_without_advice", Wording::WithoutAdvice),
        ("audit_brackets_reversed", Wording::BracketsReversed),
        ("audit_renamed", Wording::Renamed),
        ("audit_cents", Wording::Cents),
        ("audit_irrelevant", Wording::Irrelevant),
        ("audit_options_reversed", Wording::OptionsReversed),
        ("audit_options_mixed", Wording::OptionsMixed),
        ("audit_suggests_less", Wording::SuggestsLess),
        ("audit_suggests_more", Wording::SuggestsMore),
    ] {
        insta::assert_snapshot!(name, said(wording, Motive::Own));
    }
    let altruist = said(Wording::Paraphrase(2), Motive::Altruistic);
    insta::assert_snapshot!("audit_paraphrase_altruistic", altruist);
}

#[test]
fn turns_around_a_thought() {
    let [invitation, request] = thinking::turns(&prompts()).unwrap();
    insta::assert_snapshot!("think", format!("{invitation}\n---\n{request}\n"));
}

#[test]
fn prompts_of_useful_memory_and_civil_sentences() {
    let nurse = nurse();
    let options = ["0", "1", "2"].map(str::to_owned);
    let context = UsefulPrompt {
        brackets: bracket_texts(us()),
        wage: 38.5,
        persona: Some(&nurse),
        quasilinear: true,
        records: &[period(8, 50.0, 38_900.0), period(7, 40.0, 41_250.0)],
        options: &options,
    };
    let messages = prompts().render("useful.j2", &context).unwrap();
    insta::assert_snapshot!("useful", text(&messages));
    let statement = "Only fools pay more than 30 %.";
    let messages = prompts()
        .render("civil.j2", CivilPrompt { statement })
        .unwrap();
    insta::assert_snapshot!("civil", text(&messages));
    let context = TonePrompt {
        statement,
        options: TONES,
    };
    let messages = prompts().render("tone.j2", context).unwrap();
    insta::assert_snapshot!("tone", text(&messages));
}
