#include "tests/cpu/helpers/trapped_tiles.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <ucontext.h>

#include "tests/cpu/helpers/emulated_tiles.h"

namespace mica::cpu {
namespace {

/// The tiles of this thread.
thread_local EmulatedTiles tiles;

/// Numbers of registers in instructions, in the order of their encoding.
constexpr int kRegisters[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/// An instruction with a three-byte VEX prefix of the map 0F38, as all of AMX are.
struct Instruction {
  int prefix = 0;  ///< 0: none, 1: 66, 2: F3, 3: F2
  int opcode = 0;
  int reg = 0;  ///< of ModRM
  int rm = 0;   ///< where it is a register
  int vvvv = 0;
  bool in_memory = false;
  uint64_t base = 0;  ///< of the memory operand, with the displacement
  int64_t index = 0;
  int length = 0;
  bool known = false;
};

template <typename T>
T read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

Instruction decode(const uint8_t* code, const greg_t* registers) {
  Instruction out;
  if (code[0] != 0xc4 || (code[1] & 31) != 2) return out;
  const int b = code[1] & 0x20 ? 0 : 8;
  const int x = code[1] & 0x40 ? 0 : 8;
  out.prefix = code[2] & 3;
  out.vvvv = ~(code[2] >> 3) & 15;
  out.opcode = code[3];
  const int mod = code[4] >> 6;
  out.reg = (code[4] >> 3) & 7;
  out.rm = code[4] & 7;
  out.length = 5;
  out.known = true;
  if (mod == 3) return out;
  out.in_memory = true;
  bool has_base = true;
  int base = out.rm + b;
  if (out.rm == 4) {
    const int sib = code[out.length++];
    base = (sib & 7) + b;
    const int index = ((sib >> 3) & 7) + x;
    if (index != 4) out.index = registers[kRegisters[index]] << (sib >> 6);
    has_base = mod != 0 || (sib & 7) != 5;
  } else if (mod == 0 && out.rm == 5) {
    has_base = false;
    out.base = reinterpret_cast<uint64_t>(code) + 9;  // relative to the next instruction
  }
  if (has_base) out.base = static_cast<uint64_t>(registers[kRegisters[base]]);
  if (mod == 1) {
    out.base += static_cast<uint64_t>(int64_t{read<int8_t>(code + out.length)});
    out.length += 1;
  } else if (mod == 2 || !has_base) {
    out.base += static_cast<uint64_t>(int64_t{read<int32_t>(code + out.length)});
    out.length += 4;
  }
  return out;
}

/// Whether it was a tile instruction.
bool execute(const Instruction& in) {
  if (!in.known) return false;
  auto* memory = reinterpret_cast<uint8_t*>(in.base);  // NOLINT(performance-no-int-to-ptr)
  const int operation = in.opcode << 4 | in.prefix;
  switch (operation) {
    case 0x490:
      if (in.in_memory) {
        tiles.configure(read<TileConfig>(memory + in.index));
      } else {
        tiles.release();
      }
      return true;
    case 0x493:
      tiles.zero(in.reg);
      return true;
    case 0x4b3:
      tiles.load(in.reg, memory, in.index);
      return true;
    case 0x4b2:
      tiles.store(in.reg, memory, in.index);
      return true;
    case 0x5c2:
      tiles.add_bf16(in.reg, in.rm, in.vvvv);
      return true;
    case 0x5e0:
    case 0x5e1:
    case 0x5e2:
    case 0x5e3:
      tiles.add_bytes(in.reg, in.rm, in.vvvv, in.prefix >= 2, in.prefix == 3 || in.prefix == 1);
      return true;
    default:
      return false;
  }
}

void on_trap(int, siginfo_t*, void* context) {
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const uint8_t*>(registers[REG_RIP]);  // NOLINT(performance-no-int-to-ptr)
  const Instruction instruction = decode(code, registers);
  try {
    if (!execute(instruction)) {
      std::fputs("an illegal instruction that is none of tiles\n", stderr);
      std::abort();
    }
  } catch (const std::exception& error) {
    // What the processor would answer with a trap that nobody expects.
    std::fprintf(stderr, "a tile instruction that the processor refuses: %s\n", error.what());
    std::abort();
  }
  registers[REG_RIP] += instruction.length;
}

}  // namespace

TrappedTiles::TrappedTiles() {
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before_);
}

TrappedTiles::~TrappedTiles() {
  sigaction(SIGILL, &before_, nullptr);
}

}  // namespace mica::cpu
