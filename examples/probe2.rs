use fisc::llm::*;
fn main() {
    let model = std::env::args().nth(1).unwrap();
    let mut e = Engine::open(
        &ModelSpec::new("m", GgufSource::Fetched(model)),
        SharedTranscript::in_memory(),
        Mode::Live,
    )
    .unwrap();
    let opts: Vec<String> = (0..=100).step_by(10).map(|i| format!("{i}")).collect();
    for q in [
        "What is 20+30? Answer with one number only.",
        "What is 70-10? Answer with one number only.",
        "How many minutes are in one hour? Answer with the number only.",
        "How many percent is all of it? Answer with the number only.",
    ] {
        let r = |readout| Request {
            seed: 1,
            agent: "x".into(),
            stream: 0,
            step: 1,
            attempt: 0,
            messages: vec![
                Message {
                    role: Role::System,
                    content: "You are a helpful assistant.".into(),
                },
                Message {
                    role: Role::User,
                    content: q.into(),
                },
            ],
            readout,
        };
        let a = e
            .ask(&[r(Readout::Choice {
                options: opts.clone(),
            })])
            .unwrap();
        if let Content::Choice {
            log_probs,
            admissible_mass,
        } = &a[0].content
        {
            println!(
                "{q} mass {admissible_mass:.4} {:?}",
                log_probs
                    .iter()
                    .map(|l| (l.exp() * 1000.0).round() / 1000.0)
                    .collect::<Vec<_>>()
            );
        }
        let g = e
            .ask(&[r(Readout::Sample {
                grammar: "root ::= [^\\n]+".into(),
                max_tokens: 20,
                temperature: 0.0,
                top_p: 1.0,
            })])
            .unwrap();
        println!("   free: {:?}", g[0].content);
    }
}
