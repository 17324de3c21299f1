#pragma once

#include "mica/array/primitive.h"

namespace mica {

// What linalg's functions are made of. All work on the last two axes of one input (solves: two).

/// Outputs: Q [M, K] and R [K, N] of matrices [M, N], K the smaller of both.
struct QRFactor final : PrimitiveOf<QRFactor> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "qr"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// Outputs: U, S, Vᵀ, or S alone.
struct SVD final : PrimitiveOf<SVD> {
  SVD(Stream stream, bool vectors_too) : PrimitiveOf(stream), vectors(vectors_too) {}
  std::string_view name() const override { return "svd"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(vectors); }
  bool vectors;
};

/// Which part of a matrix is read.
enum class Triangle { none, lower, upper };

/// The inverses of square matrices, of a triangle alone where one is named.
struct Inverse final : PrimitiveOf<Inverse> {
  Inverse(Stream stream, Triangle part) : PrimitiveOf(stream), triangle(part) {}
  std::string_view name() const override { return triangle == Triangle::none ? "inv" : "tri_inv"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(triangle); }
  Triangle triangle;
};

/// The lower factor.
struct Cholesky final : PrimitiveOf<Cholesky> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "cholesky"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// Outputs: both factors in one matrix, exchanges of rows, and the permutation that they make up (both uint32).
struct LUFactor final : PrimitiveOf<LUFactor> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "lu"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// Inputs: a [..., N, N], b [..., N, K] of one dtype and batch.
struct Solve final : PrimitiveOf<Solve> {
  Solve(Stream stream, Triangle part) : PrimitiveOf(stream), triangle(part) {}
  std::string_view name() const override { return triangle == Triangle::none ? "solve" : "solve_triangular"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(triangle); }
  Triangle triangle;
};

/// Outputs: eigenvalues and eigenvectors, or eigenvalues alone.
struct Eig final : PrimitiveOf<Eig> {
  Eig(Stream stream, bool vectors_too) : PrimitiveOf(stream), vectors(vectors_too) {}
  std::string_view name() const override { return "eig"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(vectors); }
  bool vectors;
};

/// Eigenvalues, ascending, and eigenvectors of symmetric or Hermitian matrices.
struct Eigh final : PrimitiveOf<Eigh> {
  Eigh(Stream stream, bool vectors_too, bool upper_triangle)
      : PrimitiveOf(stream), vectors(vectors_too), upper(upper_triangle) {}
  std::string_view name() const override { return "eigh"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(vectors, upper); }
  bool vectors;
  bool upper;
};

/// Outputs: the determinant, its sign, and the logarithm of its magnitude.
struct Determinant final : PrimitiveOf<Determinant> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "det"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

}  // namespace mica
