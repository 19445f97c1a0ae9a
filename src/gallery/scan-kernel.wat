;; The inner loop of the gallery's search: the dot product of every row with the probe.
;; Compiled by `npm run kernel` into scan-kernel.ts; a test compiles it again and compares.
(module
  (memory (export "memory") 2 65536)

  ;; similarities[i] = row i · probe, for i < count.
  ;;   row, probe     addresses of float32 values, a multiple of 16 of them, filled up with zeros
  ;;   stride         bytes of a row, a multiple of 64
  ;;   similarities   address of count float32 values
  (func (export "scan")
    (param $row i32) (param $count i32) (param $stride i32)
    (param $probe i32) (param $similarities i32)
    (local $end i32) (local $at i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $rows
      ;; Four sums at once: the processor does not wait for one addition to end before the next.
      (local.set $a (v128.const f32x4 0 0 0 0))
      (local.set $b (v128.const f32x4 0 0 0 0))
      (local.set $c (v128.const f32x4 0 0 0 0))
      (local.set $d (v128.const f32x4 0 0 0 0))
      (local.set $at (local.get $probe))
      (local.set $end (i32.add (local.get $probe) (local.get $stride)))
      (loop $values
        (local.set $a (f32x4.add (local.get $a)
          (f32x4.mul (v128.load (local.get $row)) (v128.load (local.get $at)))))
        (local.set $b (f32x4.add (local.get $b)
          (f32x4.mul (v128.load offset=16 (local.get $row)) (v128.load offset=16 (local.get $at)))))
        (local.set $c (f32x4.add (local.get $c)
          (f32x4.mul (v128.load offset=32 (local.get $row)) (v128.load offset=32 (local.get $at)))))
        (local.set $d (f32x4.add (local.get $d)
          (f32x4.mul (v128.load offset=48 (local.get $row)) (v128.load offset=48 (local.get $at)))))
        (local.set $row (i32.add (local.get $row) (i32.const 64)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $values (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $a (f32x4.add
        (f32x4.add (local.get $a) (local.get $b))
        (f32x4.add (local.get $c) (local.get $d))))
      (f32.store (local.get $similarities) (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
        (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
      (local.set $similarities (i32.add (local.get $similarities) (i32.const 4)))
      (br_if $rows (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
)
