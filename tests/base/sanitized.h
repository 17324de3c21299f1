#pragma once

namespace mica::test {

/// Whether this is a sanitizer build, which computes some thirty times slower: tests that repeat the same work many
/// times do so fewer times there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace mica::test
