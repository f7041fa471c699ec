use fisc::fiscal::*; use fisc::llm::*; use fisc::world::language::*;
fn main(){
 let model=std::env::args().nth(1).unwrap();
 let mut e=Engine::open(&ModelSpec::new("m",GgufSource::Fetched(model)),SharedTranscript::in_memory(),Mode::Live).unwrap();
 let ec=Economy::default(); let hours=hour_options(100.0); let options:Vec<String>=hours.iter().map(f64::to_string).collect();
 let scheds:Vec<(&str,Schedule)>=vec![("10",Schedule::flat(0.1).unwrap()),("50",Schedule::flat(0.5).unwrap()),("90",Schedule::flat(0.9).unwrap())];
 let wages=[10.0,30.0,80.0];
 for dir in std::env::args().skip(2) {
 let p=Prompts::new(&PROMPTS, Some(std::path::Path::new(&dir))).unwrap();
 println!("== {dir}");
 for (n,s) in &scheds {
  let rs:Vec<Request>=wages.iter().enumerate().map(|(i,&w)|Request{seed:1,agent:format!("w{i}"),stream:i as u64,step:1,attempt:0,messages:p.render("worker.j2",worker_prompt(&ec,s,w,None,&hours,&options)).unwrap(),readout:Readout::Choice{options:hours.iter().map(|h|format!("{{\"hours\": {h}}}")).collect()}}).collect();
  let t=std::time::Instant::now();
  let a=e.ask(&rs).unwrap();
  print!("{n:4} {:5.2}s ",t.elapsed().as_secs_f64());
  for (i,a) in a.iter().enumerate(){ if let Content::Choice{log_probs,admissible_mass}=&a.content { let mean:f64=log_probs.iter().zip(&hours).map(|(l,h)|l.exp()*h).sum(); let mode=log_probs.iter().zip(&hours).max_by(|a,b|a.0.total_cmp(b.0)).unwrap().1; let b=best_response(&ec,s,wages[i],0.0); print!(" {:.0}$: {:.1} mode {} (r {:.0}, m {:.2}) ",wages[i],mean,mode,b,admissible_mass);} }
  println!(" prompt {} ans {}",a[0].prompt_tokens,a[0].answer_tokens);
 }}
}
