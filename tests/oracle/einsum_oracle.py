"""Writes tests/fixtures/ops/einsum.json: sums of products by NumPy.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python einsum_oracle.py
"""
import numpy as np

from cases import Cases

cases = Cases("einsum")
rng = np.random.default_rng(0)


def add(subscripts, *shapes, dtype=np.float32):
    inputs = [rng.integers(-4, 5, shape).astype(dtype) for shape in shapes]
    cases.add("einsum", inputs, np.asarray(np.einsum(subscripts, *inputs), dtype), subscripts=subscripts)


add("ij,jk->ik", (2, 3), (3, 4))
add("ij,jk", (2, 3), (3, 4))
add("ba", (2, 3))
add("ii", (3, 3))
add("ii->i", (3, 3))
add("iij->ij", (2, 2, 3))
add("iji,jkk->k", (2, 3, 2), (3, 4, 4))
add("ij->", (2, 3))
add("i,i->", (3,), (3,))
add("i,i->i", (3,), (3,))
add("i,j,k->kij", (2,), (3,), (4,))
add("ij,ij->ij", (1, 3), (2, 3))
add("ij,ij->", (1, 3), (2, 3))
add("bij,bjk->bik", (4, 2, 3), (4, 3, 5))
add("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4))
add("...ij,jk->...ik", (5, 2, 3), (3, 4))
add("...ij,...jk", (5, 2, 3), (1, 3, 4))
add("a...b,b...->...a", (2, 3, 4), (4, 3))
add(",->", (), ())
add(" i j -> j i ", (2, 3))
add("Ab,bC->AC", (2, 3), (3, 2))
add("ij,jk,kl->il", (2, 3), (3, 4), (4, 5))
add("ij,jk,kl,lm->im", (2, 6), (6, 4), (4, 7), (7, 2))
add("ab,bc,cd,de,ef->af", (2, 3), (3, 2), (2, 4), (4, 3), (3, 2))
add("ab,ac,ad->abcd", (2, 3), (2, 2), (2, 4))
add("a,b,c,d,e,f,g,h,i,j,k->", *[(2,)] * 11)
add("ij,jk->ik", (2, 3), (3, 4), dtype=np.int32)
add("ij,k->", (2, 3), (4,))
add("ij,jk->ik", (2, 0), (0, 4))
add("ij,jk->ik", (2, 3), (3, 4), dtype=np.complex64)
cases.save()
