#include "mica/ops/einsum.h"

#include <algorithm>

#include "mica/ops/einsum_path.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// An operand and the names of its axes.
struct Term {
  array values;
  EinsumAxes axes;

  int place(int name) const { return static_cast<int>(std::find(axes.begin(), axes.end(), name) - axes.begin()); }
  bool has(int name) const { return place(name) < static_cast<int>(axes.size()); }
};

/// Of an axis that is named twice the diagonal; it becomes the last axis.
Term without_repeats(Term term, StreamOrDevice s) {
  for (size_t i = 0; i < term.axes.size(); ++i) {
    const int name = term.axes[i];
    const auto again = std::find(term.axes.begin() + static_cast<std::ptrdiff_t>(i) + 1, term.axes.end(), name);
    if (again == term.axes.end()) continue;
    const auto second = static_cast<int>(again - term.axes.begin());
    const auto first = static_cast<int>(i);
    // A length of 1 is broadcast to the other one's.
    Shape shape = term.values.shape();
    const ShapeElem length = std::max(shape[i], shape[static_cast<size_t>(second)]);
    shape[i] = shape[static_cast<size_t>(second)] = length;
    term.values = diagonal(broadcast_to(term.values, shape, s), 0, first, second, s);
    term.axes.erase(again);
    term.axes.erase(term.axes.begin() + first);
    term.axes.push_back(name);
    return without_repeats(std::move(term), s);
  }
  return term;
}

/// Sums over the axes that nobody asks for; `kept` holds the names that somebody does.
Term summed(Term term, const EinsumAxes& kept, StreamOrDevice s) {
  std::vector<int> over;
  EinsumAxes left;
  for (size_t i = 0; i < term.axes.size(); ++i) {
    if (std::find(kept.begin(), kept.end(), term.axes[i]) == kept.end()) {
      over.push_back(static_cast<int>(i));
    } else {
      left.push_back(term.axes[i]);
    }
  }
  if (over.empty()) return term;
  return {sum(term.values, over, false, s), std::move(left)};
}

/// The term with its axes in the given order; axes that it lacks have length 1.
array arranged(const Term& term, const EinsumAxes& order, StreamOrDevice s) {
  std::vector<int> places;
  Shape shape;
  for (const int name : order) {
    if (term.has(name)) places.push_back(term.place(name));
    shape.push_back(term.has(name) ? term.values.shape(term.place(name)) : 1);
  }
  return reshape(transpose(term.values, places, s), shape, s);
}

EinsumAxes joined(std::initializer_list<EinsumAxes> parts) {
  EinsumAxes out;
  for (const EinsumAxes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

/// Two terms as one matrix product: axes of both that stay are its batch, those of both that vanish its inner axis.
class PairProduct {
 public:
  PairProduct(Term a, Term b, const EinsumAxes& result, const EinsumTerms& terms, StreamOrDevice s)
      : a_(std::move(a)), b_(std::move(b)), terms_(terms), s_(s) {
    const auto stays = [&](int name) { return std::find(result.begin(), result.end(), name) != result.end(); };
    for (const int name : a_.axes) {
      if (!b_.has(name)) {
        rows_.push_back(name);
      } else {
        (stays(name) ? batch_ : inner_).push_back(name);
      }
    }
    for (const int name : b_.axes) {
      if (!a_.has(name)) cols_.push_back(name);
    }
  }

  Term run() const {
    const EinsumAxes order = joined({batch_, rows_, cols_});
    const Dtype dtype = promote_types(a_.values.dtype(), b_.values.dtype());
    // Without an inner axis there is nothing to add up; integers have no matrix product.
    if (inner_.empty() || !issubdtype(dtype, inexact)) {
      const EinsumAxes all = joined({order, inner_});
      Term product = {multiply(arranged(a_, all, s_), arranged(b_, all, s_), s_), all};
      return summed(std::move(product), order, s_);
    }
    const array left = matrix(a_, rows_, inner_);
    const array right = matrix(b_, inner_, cols_);
    Shape shape;
    for (const int name : order) shape.push_back(terms_.lengths.at(name));
    return {reshape(matmul(left, right, s_), shape, s_), order};
  }

 private:
  ShapeElem length(const EinsumAxes& axes) const {
    ShapeElem out = 1;
    for (const int name : axes) out *= terms_.lengths.at(name);
    return out;
  }

  /// [batch, first, second], lengths of 1 broadcast.
  array matrix(const Term& term, const EinsumAxes& first, const EinsumAxes& second) const {
    const EinsumAxes order = joined({batch_, first, second});
    Shape full;
    for (const int name : order) full.push_back(terms_.lengths.at(name));
    const array whole = broadcast_to(arranged(term, order, s_), full, s_);
    return reshape(whole, {length(batch_), length(first), length(second)}, s_);
  }

  Term a_;
  Term b_;
  const EinsumTerms& terms_;
  StreamOrDevice s_;
  EinsumAxes batch_;
  EinsumAxes rows_;
  EinsumAxes cols_;
  EinsumAxes inner_;
};

}  // namespace

array einsum(const std::string& subscripts, const std::vector<array>& operands, StreamOrDevice s) {
  const EinsumTerms terms(subscripts, operands);
  std::vector<Term> list;
  list.reserve(operands.size());
  for (size_t i = 0; i < operands.size(); ++i) {
    list.push_back(without_repeats({operands[i], terms.inputs[i]}, s));
  }
  // What an operand alone has and the output does not name is summed at once.
  for (size_t i = 0; i < list.size(); ++i) {
    std::vector<EinsumAxes> others = {terms.output};
    for (size_t j = 0; j < list.size(); ++j) {
      if (j != i) others.push_back(list[j].axes);
    }
    list[i] = summed(std::move(list[i]), united(others), s);
  }
  for (const std::vector<int>& step : contraction_path(terms)) {
    if (step.size() < 2) continue;
    Term b = std::move(list[static_cast<size_t>(step[1])]);
    Term a = std::move(list[static_cast<size_t>(step[0])]);
    list.erase(list.begin() + step[1]);
    list.erase(list.begin() + step[0]);
    std::vector<EinsumAxes> others;
    others.reserve(list.size());
    for (const Term& other : list) others.push_back(other.axes);
    const EinsumAxes result = terms.result_of(a.axes, b.axes, others);
    list.push_back(summed(PairProduct(std::move(a), std::move(b), result, terms, s).run(), result, s));
  }
  Shape shape;
  for (const int name : terms.output) shape.push_back(terms.lengths.at(name));
  return broadcast_to(arranged(list[0], terms.output, s), shape, s);
}

}  // namespace mica
