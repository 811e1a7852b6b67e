;; A library whose constructor, which runs before Python starts, sets PYTHONHASHSEED=0: else every build would have an
;; order of sets of its own.
(module
  (@dylink.0
    (mem-info (memory 24 0))
    (needed "libc.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (func (export "__wasm_call_ctors")
    (drop (call $setenv (global.get $base) (i32.add (global.get $base) (i32.const 15)) (i32.const 1))))
  (data (global.get $base) "PYTHONHASHSEED\00" "0\00"))
