//! Hostile reward programs stay within the memory that fisc states for them, measured at the
//! allocator.

use fisc::rewards::program::{ARRAY_MAX, MEMORY_MAX, OutcomeTable, Program, TEXT_MAX};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counted;

// SAFETY: the system's allocator does all the work; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(
            NOW.fetch_add(layout.size(), Relaxed) + layout.size(),
            Relaxed,
        );
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

#[test]
fn memory_stays_within_what_is_stated() {
    let table = OutcomeTable::new(&[("revenue", 1.0)], &[("income", &[1.0; 10])]);
    let run = |text: &str| Program::new("hostile", text).and_then(|program| program.value(&table));
    assert!(run("outcome.revenue").is_ok());
    let array = "0,".repeat(ARRAY_MAX - 1);
    // About the largest value: maps within arrays within maps, and a full string.
    let nested = "let a = 1; for k in 0..60 { a = #{ a: [a, \"xxxxxxxxxxxxxxx\"] }; }";
    let wide = |value: &str| {
        let call = format!("{value} fn f() {{ 1 }} f(");
        let arguments = "a,".repeat((TEXT_MAX - call.len() - 2) / 2);
        format!("{call}{arguments})")
    };
    let programs = [
        "let s = \"a\"; loop { s += s; }".to_owned(),
        "let a = [1]; loop { a += a; }".to_owned(),
        "let a = [1]; loop { a = [a, a]; }".to_owned(),
        "let a = [0]; loop { a[0] = a; }".to_owned(),
        "let m = #{}; loop { m = #{ a: m, b: m }; }".to_owned(),
        "let a = []; for k in 0..1000 { a += [`${a}`]; } 1".to_owned(),
        "fn f(a) { f([a, a]) } f([1])".to_owned(),
        "fn f(a) { let b = a; let c = a; let d = a; f(b) + f(c) + f(d) } f([1, 2, 3])".to_owned(),
        wide(&format!("let a = [{array}];")),
        wide(nested),
        format!("{}1", "(1 + ".repeat(TEXT_MAX / 5)),
        "f".repeat(TEXT_MAX),
    ];
    for text in &programs {
        let before = NOW.load(Relaxed);
        MOST.store(before, Relaxed);
        let ended = run(text);
        let most = MOST.load(Relaxed) - before;
        println!(
            "{:9} bytes: {}",
            most,
            text.chars().take(60).collect::<String>()
        );
        assert!(most < MEMORY_MAX, "{most}: {text}");
        // It was stopped, but for those that may run.
        assert!(ended.is_err() || text.ends_with('1'), "{text}");
        let left = NOW.load(Relaxed).saturating_sub(before);
        assert!(left < 1 << 20, "{left} bytes are left of {text}");
    }
}
