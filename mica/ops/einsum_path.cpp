#include "mica/ops/einsum_path.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/ops/einsum.h"

namespace mica {
namespace {

/// More operands than this are ordered step by step.
constexpr size_t kExactOperands = 10;
constexpr int kEllipsis = 256;

bool has(const EinsumAxes& axes, int name) {
  return std::find(axes.begin(), axes.end(), name) != axes.end();
}

/// One term's letters; an ellipsis becomes `leading` axes.
EinsumAxes parse_term(const std::string& text, size_t leading) {
  EinsumAxes out;
  bool ellipsis = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(text[i]))) {
      out.push_back(text[i]);
    } else if (!ellipsis && text.compare(i, 3, "...") == 0) {
      ellipsis = true;
      for (size_t j = leading; j-- > 0;) out.push_back(kEllipsis + static_cast<int>(j));
      i += 2;
    } else {
      fail_as<std::invalid_argument>("[einsum] {} are no subscripts: letters and one ellipsis a term",
                                     mica::quoted(text));
    }
  }
  return out;
}

std::vector<std::string> split_terms(const std::string& text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back().push_back(c);
    }
  }
  return out;
}

size_t letters(const std::string& term) {
  return static_cast<size_t>(
      std::count_if(term.begin(), term.end(), [](unsigned char c) { return std::isalpha(c) != 0; }));
}

/// Without an arrow: what an ellipsis stands for, then the letters that occur once.
EinsumAxes implicit_output(const std::vector<EinsumAxes>& inputs, size_t leading) {
  EinsumAxes out;
  for (size_t j = leading; j-- > 0;) out.push_back(kEllipsis + static_cast<int>(j));
  std::map<int, int> counts;
  for (const EinsumAxes& axes : inputs) {
    for (const int name : axes) ++counts[name];
  }
  for (const auto& [name, count] : counts) {
    if (count == 1 && name < kEllipsis) out.push_back(name);
  }
  return out;
}

}  // namespace

EinsumAxes united(const std::vector<EinsumAxes>& terms) {
  std::set<int> all;
  for (const EinsumAxes& axes : terms) all.insert(axes.begin(), axes.end());
  return EinsumAxes(all.begin(), all.end());
}

EinsumTerms::EinsumTerms(const std::string& subscripts, const std::vector<array>& operands) {
  std::string text = subscripts;
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  const std::vector<std::string> parts = split_terms(text.substr(0, arrow));
  if (parts.size() != operands.size()) {
    fail_as<std::invalid_argument>("[einsum] {} terms for {} operands", parts.size(), operands.size());
  }
  // The longest ellipsis decides how many axes there are in the output's.
  size_t leading = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool ellipsis = parts[i].find("...") != std::string::npos;
    const size_t named = letters(parts[i]);
    const size_t ndim = operands[i].ndim();
    if (ellipsis ? ndim < named : ndim != named) {
      fail_as<std::invalid_argument>("[einsum] {} does not name the {} axes of operand {}", mica::quoted(parts[i]),
                                     ndim, i);
    }
    if (ellipsis) leading = std::max(leading, ndim - named);
    inputs.push_back(parse_term(parts[i], ellipsis ? ndim - named : 0));
  }
  output = arrow == std::string::npos ? implicit_output(inputs, leading) : parse_term(text.substr(arrow + 2), leading);
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; j < inputs[i].size(); ++j) {
      const ShapeElem length = operands[i].shape()[j];
      ShapeElem& known = lengths.try_emplace(inputs[i][j], length).first->second;
      if (known != length && known != 1 && length != 1) {
        fail_as<std::invalid_argument>("[einsum] axis {} of operand {} has the length {}, elsewhere it is {}", j, i,
                                       length, known);
      }
      if (known == 1) known = length;
    }
  }
  for (const int name : output) {
    if (!lengths.contains(name)) {
      fail_as<std::invalid_argument>("[einsum] the output names '{}', which no operand has", static_cast<char>(name));
    }
    if (std::count(output.begin(), output.end(), name) > 1) {
      fail_as<std::invalid_argument>("[einsum] the output names '{}' twice", static_cast<char>(name));
    }
  }
}

EinsumAxes EinsumTerms::result_of(const EinsumAxes& a, const EinsumAxes& b,
                                  const std::vector<EinsumAxes>& others) const {
  EinsumAxes out;
  for (const int name : united({a, b})) {
    const bool needed = has(output, name) || std::any_of(others.begin(), others.end(),
                                                         [&](const EinsumAxes& axes) { return has(axes, name); });
    if (needed) out.push_back(name);
  }
  return out;
}

double EinsumTerms::size(const EinsumAxes& axes) const {
  double out = 1;
  for (const int name : axes) out *= static_cast<double>(lengths.at(name));
  return out;
}

double EinsumTerms::operations(const std::vector<EinsumAxes>& terms, const EinsumAxes& result) const {
  const EinsumAxes all = united(terms);
  const double products = std::max<double>(1, static_cast<double>(terms.size()) - 1);
  return size(all) * (products + (all.size() > united({result}).size() ? 1 : 0));
}

namespace {

/// The best order for every subset of the operands (bit i: operand i), built up from smaller ones.
class ExactOrder {
 public:
  explicit ExactOrder(const EinsumTerms& terms) : terms_(terms), plans_(size_t{1} << terms.inputs.size()) {
    for (size_t i = 0; i < terms.inputs.size(); ++i) plans_[size_t{1} << i] = {terms.inputs[i], 0, 0};
    for (size_t set = 1; set < plans_.size(); ++set) {
      if ((set & (set - 1)) != 0) plans_[set] = best(set);
    }
  }

  std::vector<std::vector<int>> path() {
    for (size_t i = 0; i < terms_.inputs.size(); ++i) list_.push_back(size_t{1} << i);
    emit(plans_.size() - 1);
    return path_;
  }

 private:
  struct Plan {
    EinsumAxes axes;
    double cost = std::numeric_limits<double>::infinity();
    size_t left = 0;
  };

  Plan best(size_t set) const {
    std::vector<EinsumAxes> others;
    for (size_t i = 0; i < terms_.inputs.size(); ++i) {
      if ((set >> i & 1) == 0) others.push_back(terms_.inputs[i]);
    }
    Plan out;
    for (size_t left = (set - 1) & set; left > 0; left = (left - 1) & set) {
      const size_t right = set & ~left;
      if (left < right) break;  // the other half of the pairs
      const Plan& a = plans_[left];
      const Plan& b = plans_[right];
      EinsumAxes axes = terms_.result_of(a.axes, b.axes, others);
      const double cost = a.cost + b.cost + terms_.operations({a.axes, b.axes}, axes);
      if (cost < out.cost) out = {std::move(axes), cost, left};
    }
    return out;
  }

  void emit(size_t set) {
    if ((set & (set - 1)) == 0) return;
    const size_t left = plans_[set].left;
    emit(left);
    emit(set & ~left);
    const auto place = [&](size_t part) {
      return static_cast<int>(std::find(list_.begin(), list_.end(), part) - list_.begin());
    };
    std::vector<int> step = {place(left), place(set & ~left)};
    std::sort(step.begin(), step.end());
    list_.erase(list_.begin() + step[1]);
    list_.erase(list_.begin() + step[0]);
    list_.push_back(set);
    path_.push_back(std::move(step));
  }

  const EinsumTerms& terms_;
  std::vector<Plan> plans_;
  std::vector<size_t> list_;
  std::vector<std::vector<int>> path_;
};

/// Takes the pair whose result needs least memory over what its operands free, step by step.
std::vector<std::vector<int>> greedy_path(const EinsumTerms& terms) {
  std::vector<EinsumAxes> list = terms.inputs;
  std::vector<std::vector<int>> path;
  while (list.size() > 1) {
    double best = std::numeric_limits<double>::infinity();
    std::pair<size_t, size_t> chosen = {0, 1};
    EinsumAxes result;
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t j = i + 1; j < list.size(); ++j) {
        std::vector<EinsumAxes> others = list;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(j));
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
        EinsumAxes axes = terms.result_of(list[i], list[j], others);
        const double growth = terms.size(axes) - terms.size(list[i]) - terms.size(list[j]);
        if (growth >= best) continue;
        best = growth;
        chosen = {i, j};
        result = std::move(axes);
      }
    }
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(chosen.second));
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(chosen.first));
    list.push_back(std::move(result));
    path.push_back({static_cast<int>(chosen.first), static_cast<int>(chosen.second)});
  }
  return path;
}

}  // namespace

std::vector<std::vector<int>> contraction_path(const EinsumTerms& terms) {
  if (terms.inputs.size() == 1) return {{0}};
  return terms.inputs.size() <= kExactOperands ? ExactOrder(terms).path() : greedy_path(terms);
}

std::pair<std::vector<std::vector<int>>, std::string> einsum_path(const std::string& subscripts,
                                                                  const std::vector<array>& operands) {
  const EinsumTerms terms(subscripts, operands);
  auto path = contraction_path(terms);
  std::vector<EinsumAxes> list = terms.inputs;
  double total = 0;
  size_t scaling = 0;
  for (const std::vector<int>& step : path) {
    std::vector<EinsumAxes> taken;
    for (size_t i = step.size(); i-- > 0;) {
      taken.push_back(list[static_cast<size_t>(step[i])]);
      list.erase(list.begin() + step[i]);
    }
    const EinsumAxes result = terms.result_of(taken.front(), taken.back(), list);
    total += terms.operations(taken, result);
    scaling = std::max(scaling, united(taken).size());
    list.push_back(result);
  }
  std::string text = fmt::format("  Complete contraction:  {}\n", subscripts);
  text += fmt::format("         Naive scaling:  {}\n", united(terms.inputs).size());
  text += fmt::format("     Optimized scaling:  {}\n", scaling);
  text += fmt::format("      Naive FLOP count:  {:.0f}\n", terms.operations(terms.inputs, terms.output));
  text += fmt::format("  Optimized FLOP count:  {:.0f}\n", total);
  return {std::move(path), std::move(text)};
}

}  // namespace mica
