"""Renders small templates with Jinja2 as transformers configures it and writes tests/fixtures/jinja/features.json.

Run by hand: python3 tests/oracle/jinja_oracle.py
Needs transformers==5.23.0 jinja2==3.1.6. Cases are [template, output]; output is null where Jinja2 raises.

Known differences, not in the list: integers beyond 64 bits are an error, numbers have no attributes, and printing a
function or class does not show its Python name.
"""
import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

VARS = {
    "n": 7, "f": 2.5, "s": "Hello, World", "e": "", "u": "größe Ünï 日本", "t": True, "z": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "d": {"b": 1, "a": [1, 2], "C": {"x": "y"}, "items_": 0},
    "objs": [{"n": "x", "v": 2, "on": True}, {"n": "Y", "v": 1}, {"n": "x", "v": 3, "on": False}],
    "nest": [[1, [2, 3]], [4, []]], "html": "<a href='x'>\"T\" & co</a>", "lines": "one\n  two\n\nthree\n",
    "big": 9007199254740993, "neg": -7, "ctl": "tab\there \\ 'q' \"d\" \x01 \x7f \u00a0 \u200b \u2028",
}

EXPRESSIONS = """
n
f
t
z
l
d
u
ctl
[ctl, u]
{'a': 1, 'b': [True, None, 1.0]}
(1,)
(1, 2)
()
[]
{}
[u, 'it''s']
"it's"
["it's", 'say "x"', 'both \\' and "']
1 + 2 * 3
(1 + 2) * 3
7 / 2
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 % 2
-7.5 % 2
7.5 // 2
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
1 / 0
1 // 0
1 % 0
1.0
1e3
1e16
1e15
123456789012345678.0
1e-4
1e-5
0.1 + 0.2
1.5e300 * 1e10
0x1F
0b101
0o17
1_000_000
1_0.5_0
10 - 3 - 2
2 * 'ab'
'ab' * -1
'a' 'b' "c"
'a' ~ 1 ~ none ~ true ~ 2.50
'a' + 1
1 + 'a'
[1] + [2]
[1] * 3
(1,) + (2,)
[1] + (2,)
{} + {}
-n
+n
-t
not t
not not t
-'a'
1 < 2 < 3
1 < 3 < 2
3 > 2 > 1
1 == 1.0
1 == true
'1' == 1
none == none
none == undefined_thing
[1, 2] == [1, 2]
(1, 2) == [1, 2]
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
'a' < 'b'
'a' < 1
none < 1
[1, 2] < [1, 3]
1 <= 1 >= 1 != 2
'lo' in s
'xx' in s
'xx' not in s
3 in l
'b' in d
1 in d
1 in s
1 in 5
'a' in undefined_thing
'x' in none
t and 'yes'
e or 'no'
e and undefined_thing.x
n if t
n if not t
n if not t else f
(n if not t) is defined
1 if 0 else 2 if 0 else 3
undefined_thing
undefined_thing.x
undefined_thing['x']
undefined_thing()
undefined_thing + 1
undefined_thing ~ 'x'
undefined_thing == undefined_thing
undefined_thing < 1
-undefined_thing
undefined_thing | length
undefined_thing | upper
undefined_thing | default('d')
undefined_thing | int
undefined_thing | float
undefined_thing | abs
undefined_thing | round
undefined_thing | tojson
undefined_thing | list
undefined_thing | join(',')
undefined_thing | first
undefined_thing | trim
undefined_thing | indent
undefined_thing | items | list
undefined_thing | dictsort
undefined_thing | string
undefined_thing | replace('a', 'b')
undefined_thing | sum
undefined_thing | map('upper') | list
undefined_thing | sort
undefined_thing | reverse | list
[undefined_thing]
d.undefined_thing
d.undefined_thing.more
d['undefined_thing']
d.get('zz')
d.get('zz', 5)
d.get('b')
d.b
d['b']
d.C.x
d['C']['x']
d.a[0]
d.a[-1]
d.a[5]
d.a[5].x
d.a.0
d.items()
d.keys()
d.values()
d.items() | list
d.items()[0]
d.keys() | length
d.items_
d.items
d | length
d | list
d.copy()
d.pop('b')
d.update({'x': 1})
d.clear
d.clear is defined
d.setdefault('q', 1)
l.append(4)
l.sort()
l.index(1)
l.index(99)
l.count(1)
l.copy()
l[0]
l[-1]
l[1:]
l[:1]
l[::-1]
l[::2]
l[-2:]
l[5:]
l[1:100]
l[::0]
l['x']
l[1.0]
l[t]
s[0]
s[-1]
s[1:4]
s[::-1]
s[-5:]
s[::3]
s[99]
s[:-1]
u[0:3]
u[::-1]
u[-2:]
n[0]
none[0]
none.x
none.x.y
f.x
s.x
''.__class__
''.__class__.__mro__
d.__class__
d['__class__']
().__class__.__base__
s.upper()
s.lower()
u.upper()
u.lower()
u.title()
u.capitalize()
'ß straße'.upper()
'hello wORLD-foo it''s'.title()
"they're bill's".title()
'hELLO'.capitalize()
s.swapcase()
'  x  '.strip()
'  x  '.lstrip() ~ '|'
'  x  '.rstrip() ~ '|'
'xxhixx'.strip('x')
'xyhixy'.strip('yx')
'\u00a0 x \u3000'.strip()
'日本x日'.strip('日')
'a'.strip(1)
'aXbXc'.split('X')
'aXbXc'.split('X', 1)
'aXbXc'.rsplit('X', 1)
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.rsplit(none, 1)
' a  b c '.split(' ')
'a,b'.split(sep=',')
'abc'.split('')
''.split()
''.split(',')
lines.splitlines()
lines.splitlines(true)
'a\\r\\nb\\rc\\x0bd'.splitlines()
'a-b-c'.partition('-')
'a-b-c'.rpartition('-')
'abc'.partition('x')
'abc'.rpartition('x')
'-'.join(['a', 'b'])
'-'.join([1, 2])
'-'.join('abc')
'abc'.startswith('ab')
'abc'.startswith(('x', 'a'))
'abc'.startswith('b', 1)
'abc'.endswith('bc')
'abc'.endswith(('x', 'c'))
'abc'.startswith(1)
'abc'.find('c')
'abc'.find('x')
'üabc'.find('c')
'abcabc'.rfind('b')
'abc'.index('b')
'abc'.index('x')
'abcabc'.find('a', 1)
'banana'.count('an')
'banana'.count('')
'banana'.replace('a', 'o')
'banana'.replace('a', 'o', 1)
'ab'.replace('', '-')
'banana'.removeprefix('ba')
'banana'.removesuffix('na')
'x'.center(5) ~ '|'
'x'.ljust(3, '.')
'x'.rjust(3, '.')
'-5'.zfill(4)
'abc'.isalpha()
'ab1'.isalnum()
'123'.isdigit()
''.isdigit()
'ABC'.isupper()
'abc1'.islower()
'  '.isspace()
'abc'.isascii()
'üb'.isascii()
'abc'.nothing
'abc'.nothing()
'{} {}'.format(1, 'x')
'{0} {0} {1}'.format(1, 'x')
'{a} {b!r}'.format(a=1, b='x')
'{:>6}|{:<6}|{:^6}|{:*^7}'.format('a', 'b', 'c', 'd')
'{:05d} {:+d} {:,} {:x} {:#x} {:b} {:o}'.format(42, 42, 1234567, 255, 255, 5, 8)
'{:.2f} {:8.3f} {:e} {:g} {:.1%}'.format(3.14159, 2.5, 12345.678, 0.0001, 0.256)
'{:.3}'.format('abcdef')
'{{}} {}'.format(1)
'{'.format(1)
'}'.format(1)
'{} {0}'.format(1)
'{}'.format()
'{x}'.format(y=1)
'{0[a]} {1.b}'.format({'a': 1}, {'b': 2})
'{0.__class__}'.format('x')
'{:{}}'.format('a', 5) ~ '|'
'{}'.format(1.0)
'{}'.format([1, 'a'])
'{!s:>5}'.format(12)
'{:d}'.format('x')
'{:.2f}'.format(2)
'{:n}'.format(5)
'%s and %s' % ('a', 1)
'%s' % 'x'
'%s' % [1, 2]
'%d items' % 3
'%05.2f|%5s|%-5s|%+d|%x|%o|%e|%g' % (3.14159, 'a', 'b', 5, 255, 8, 1234.5, 0.00001)
'%(a)s %(b)r' % {'a': 1, 'b': 'x'}
'%%' % ()
'%s' % ()
'%s' % (1, 2)
'x' % 1
'%d' % 'a'
'%r %s' % ('q', none)
'%c' % 'x'
'%5.1f%%' % 12.34
'%i' % 3.9
'%s %s' | format('a', 'b')
'%(x)s' | format(x=5)
s | upper
s | lower
'hello world-foo (bar) [baz]' | title
"it's o'neil" | title
'hELLO wORLD' | capitalize
'  x ' | trim ~ '|'
'xxaxx' | trim('x')
none | trim
n | string ~ 'x'
s | length
u | length
l | length
n | length
none | length
s | count
l | first
l | last
[] | first
[] | last
s | first
s | last
d | first
l | join
l | join(', ')
objs | join('-', attribute='n')
w | join('/') | upper
[1, none, 'x', 2.0] | join(',')
none | join
s | list
d | list
n | list
l | sort
l | sort(reverse=true)
w | sort
w | sort(case_sensitive=true)
objs | sort(attribute='v') | map(attribute='n') | list
objs | sort(attribute='n,v') | map(attribute='v') | list
[1, 'a'] | sort
[2, none] | sort
nest | sort
d | dictsort
d | dictsort(true)
d | dictsort(reverse=true)
{'a': 2, 'b': 1} | dictsort(by='value')
{'a': 2, 'b': 1} | dictsort(false, 'value')
d | dictsort(by='x')
l | unique | list
[1, 1.0, 'a', 'A', true] | unique | list
['a', 'A'] | unique(true) | list
objs | unique(attribute='n') | map(attribute='v') | list
objs | groupby('n')
objs | groupby('n') | map(attribute='grouper') | list
objs | groupby('n') | map('last') | map('length') | list
objs | groupby('on', default=false) | map('first') | list
l | reverse | list
s | reverse
l | reverse
l | map('string') | list
w | map('upper') | join
objs | map(attribute='v') | sum
objs | map(attribute='on') | list
objs | map(attribute='on', default='?') | list
objs | map(attribute='n.0') | list
nest | map(attribute='1.0') | list
l | map
l | map('nofilter') | list
w | map('replace', 'a', 'z') | list
l | select | list
[0, 1, '', 'a', none] | select | list
l | select('odd') | list
l | reject('odd') | list
l | select('gt', 1) | list
l | select('divisibleby', 3) | list
objs | selectattr('on') | list | length
objs | selectattr('n', 'eq', 'x') | map(attribute='v') | list
objs | selectattr('n', 'equalto', 'x') | list | length
objs | rejectattr('n', 'in', ['x']) | list
objs | selectattr('on', 'defined') | list | length
objs | selectattr('on', 'undefined') | map(attribute='n') | list
none | selectattr('x') | list
none | map('upper') | list
none | select | list
5 | select | list
l | select('nothing') | list
l | map('upper') | length
l | map('upper') is iterable
l | map('upper') is sequence
(l | map('string')) | first
l | min
l | max
w | min
w | max
[] | min
objs | max(attribute='v')
l | sum
objs | sum(attribute='v')
objs | sum('v', 10)
[] | sum
['a'] | sum
[[1], [2]] | sum(start=[])
l | batch(2) | list
l | batch(2, 'x') | list
[1,2,3,4,5] | slice(3) | list
[1,2,3,4,5] | slice(3, 'x') | list
n | default('x')
e | default('x')
e | default('x', true)
none | default('x')
none | default('x', boolean=true)
undefined_thing | d('x')
undefined_thing | default
'3' | int
' 42 ' | int
'3.7' | int
'x' | int
'x' | int(5)
'0x1A' | int(base=16)
'0b11' | int(0, 2)
'1_000' | int
'' | int
none | int
3.99 | int
-3.99 | int
true | int
l | int
'1e3' | int
'nan' | int
'inf' | int(7)
'3.5' | float
'x' | float
'x' | float(1.5)
'1e400' | float
'-inf' | float
'nan' | float
3 | float
'1_0.5' | float
-3 | abs
-3.5 | abs
'x' | abs
2.5 | round
3.5 | round
2.567 | round(2)
2.567 | round(1, 'floor')
2.1 | round(method='ceil')
42 | round
42.0 | round
1234.5678 | round(-2)
1234 | round(-2)
2.675 | round(2)
0.5 | round
1.5 | round | int
'x' | round
2.5 | round(0, 'x')
d | tojson
l | tojson
s | tojson
u | tojson
ctl | tojson
u | tojson(ensure_ascii=true)
'😀' | tojson(ensure_ascii=true)
html | tojson
z | tojson
t | tojson
f | tojson
1.0 | tojson
1e100 | tojson
(1, 'a') | tojson
{1: 2, none: 3, true: 4, 1.5: 6} | tojson
{(1,): 2} | tojson
d | tojson(indent=2)
d | tojson(indent=4, sort_keys=true)
d | tojson(separators=(',', ':'))
d | tojson(separators=[', ', ' = '], indent=1)
[] | tojson(indent=2)
{'a': [], 'b': {}} | tojson(indent=2)
d | tojson(sort_keys=true)
{'b': 1, 2: 3} | tojson(sort_keys=true)
d | tojson(indent='--')
d | tojson(2)
d | tojson(false, 2)
range(3) | tojson
d.items() | tojson
l | map('upper') | tojson
namespace() | tojson
[nest, objs] | tojson
lines | indent
lines | indent(2)
lines | indent(2, true)
lines | indent(2, true, true)
lines | indent(first=true, width=1)
lines | indent('> ')
5 | indent
'' | indent(first=true)
html | e
html | escape
html | safe
html | e | e
html | forceescape
(html | safe) ~ '<b>'
(html | safe) + '<b>'
'<b>' + (html | safe)
('<i>' | safe) * 2 + '<'
('<i>' | safe) | upper + '<'
('<%s>' | safe) % '<x>'
('<{}>' | safe).format('<x>')
('<' | safe) is escaped
'<' is escaped
(html | safe)[0:2] + '<'
('<' | safe) == '<'
('<' | safe) | string + '<'
['<' | safe, '>'] | join('&')
'a b&c/ü?' | urlencode
{'a b': 'c&d', 'x': 1} | urlencode
[('a', 1), ('b', '/ ')] | urlencode
5 | urlencode
'foo bar baz qux' | truncate(9)
'foo bar baz qux' | truncate(9, true)
'foo bar baz qux' | truncate(11, leeway=0)
'foo bar baz qux' | truncate(9, end='!')
'foo bar' | truncate(2)
'foo' | center(8) ~ '|'
'foo' | center(9) ~ '|'
'foo bar, baz' | wordcount
'The quick brown fox jumps over the lazy dog' | wordwrap(10)
'  The quick   brown fox  ' | wordwrap(9)
'well-known re-use x-y-z state-of-the-art 3-4 a--b word--dash-- e-mail' | wordwrap(8)
'well-known state-of-the-art' | wordwrap(8, break_on_hyphens=false)
'abcdefghijklmnop qr' | wordwrap(5)
'abcdefghijklmnop qr' | wordwrap(5, false)
'abc-defghijklmnop' | wordwrap(6)
'---abcdefgh' | wordwrap(4)
lines | wordwrap(4, wrapstring='|')
u | wordwrap(6)
'a b' | wordwrap(0)
'' | wordwrap
s | wordwrap
'<p>a <b>b</b>  c<!-- x --></p>' | striptags
1 | filesizeformat
300 | filesizeformat
1500 | filesizeformat
1048576 | filesizeformat(true)
1e15 | filesizeformat
s | replace('l', 'L')
s | replace('l', 'L', 1)
s | replace('l', 5)
5 | replace('5', '6')
s | nofilter
d | items | list
l | items
s | attr('upper')
n is defined
nope is defined
nope is not defined
nope is undefined
z is none
z is not none
t is boolean
t is integer
t is number
n is integer
f is float
f is number
n is number
s is number
s is string
d is mapping
l is mapping
l is sequence
s is sequence
d is sequence
n is sequence
z is sequence
nope is sequence
range(2) is sequence
d.items() is sequence
d.items() is iterable
l is iterable
s is iterable
n is iterable
z is iterable
nope is iterable
range is callable
nope is callable
s.upper is callable
n is callable
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is eq 7
n is ne 7
n is equalto 7.0
n is gt 3
n is lt 3
n is ge 7
n is le 7
n is greaterthan 1
n is lessthan 1
n is in [7]
n is in l
n is not in l
'a' is lower
'A' is upper
'a1' is lower
'' is lower
t is true
1 is true
not t is false
false is false
z is sameas none
n is sameas 7
l is sameas l
l is sameas [3, 1, 2]
'upper' is filter
'nope' is filter
'odd' is test
n is nothing
n is string is false
n is divisibleby 7 and t
range(3)
range(1, 10, 3) | list
range(5, 0, -2) | list
range(0)
range(3)[1]
range(5)[1:3] | list
range(10) | length
range(0, 5, 0)
range(1000000)
range('a')
range(1.5)
dict(a=1, b=2)
dict([('a', 1)])
dict({'a': 1}, b=2)
dict(1)
namespace(a=1).a
namespace({'a': 2}).a
namespace(a=1).b
namespace(_a=1)
lipsum
raise_exception('no')
strftime_now('%%')
[1, 2, 3,]
(1, 2,)
{'a': 1,}
{'a': 1, 'a': 2}
{[1]: 2}
{n: s, 'k' ~ n: l[0]}
[n, [n, {'x': n}]]
[1.0, 1e20, -0.0, 1e-7]
l[0] + l[1] * l[2]
l | length > 2
l | length + 1
-l | length
n.__add__
s|upper|lower|length
s | upper ~ s
('a', 'b')[1]
[1,2][1] | string | length
d.a | first + 1
(d.b, d.a)[1][0]
s.split(', ')[0].upper()[::-1]
'a' if d.b else 'b'
'a' if d.zz else 'b'
n == 7 and s.startswith('H') or false
not n == 7
not (n > 3) or f
n in [1, 7] and 'x' not in s
big
big + 1
big * 10
neg // 2
neg % 3
9223372036854775807
9223372036854775806 + 1
-9223372036854775807 - 1
true + 1
true and 1
1 and true
'\\x41\\u00e9\\n\\t\\'\\"\\q\\\\'
'\\101'
"\\U0001F600"
'line\
break'
'a\\nb' | indent(1, true)
u | tojson | length
"a" "b"
1.5.x
d.a|join("-")|trim("1")
""" .strip("\n").split("\n")

TEMPLATES = [
    "a\n", "a\n\n", "\na", "", "\n", "{{ 1 }}\n", "{% if t %}\nx\n{% endif %}\ny", "  {% if t %}\n  x\n  {% endif %}\n y",
    "a  {% if t %} b {% endif %}  c", "a {%- if t %} b {% endif -%} c", "a \n {{- 1 -}} \n b", "a\n  {{ 1 }}\n  b",
    "  {%+ if t %}x{% endif %}", "{% if t +%}\nx{% endif %}", "a\n  {# c #}\nb", "a\n  {#- c -#}\nb", "a {# c #} b",
    "{#\n multi\n#}\nx", "{# a {% if %} {{ #}x", "  {#+ c #}x", "x\t{% if t %}y{% endif %}\n", "\t{% if t %}\ty{% endif %}\n",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "a {%- raw -%} \n {{ x }} \n {%- endraw -%} b", "{% raw %}\nx\n{% endraw %}\ny",
    "  {% raw %}\n  x\n  {% endraw %}\n  y", "{% raw %}x", "{% raw %}{# {% endraw %}", "a\r\nb\rc\n", "a\r\n",
    "{{ 'a\r\nb' }}", "x{{ '' }}\n\ny", "{{ 1 }}{{ 2 }}\n{{ 3 }}", "{{-1}}", "{{- 1}}", "{{ -1 }}", "{{+1}}", "{{1-}}", "{%-if t-%} x {%-endif-%}",
    "{{ '{{' }} {{ '}}' }} {{ \"%}\" }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}['a'] }}", "{{ {} }}", "{{{}}}", "{{ { } }}",
    "{ { % } }", "{", "}}", "%}", "#}", "a }} b %} c", "{{", "{%", "{#", "{{ 1", "{% if t", "{% if t %}", "{{ 1 %}", "{% if t }}", "{{ }}", "{% %}",
    "{% if t %}a{% else %}b{% endif %}", "{% if e %}a{% elif n == 7 %}b{% elif n == 7 %}c{% else %}d{% endif %}", "{% if %}x{% endif %}",
    "{% if t %}{% else %}{% else %}{% endif %}", "{% endif %}", "{% else %}", "{% foo %}", "{% if t %}{% endfor %}",
    "{% for x in l %}{{ x }},{% endfor %}", "{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{% endfor %}",
    "{% for x in l if x > 9 %}{{ x }}{% else %}empty{% endfor %}", "{% for x in nope %}{{ x }}{% else %}e{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in 'héy' %}[{{ c }}]{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in ['xy'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }},{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{% endfor %}{% endfor %}",
    "{{ loop }}", "{{ loop.index }}", "{% for x in l %}{{ loop['index'] }}{{ loop.nope }}{% endfor %}", "{% for x in l %}{% endfor %}{{ x }}", "{% set x = 1 %}{% for x in l %}{{ x }}{% endfor %}{{ x }}",
    "{% set a = 0 %}{% for x in l %}{% set a = a + x %}{{ a }}{% endfor %}{{ a }}", "{% set ns = namespace(a=0) %}{% for x in l %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}",
    "{% if t %}{% set q = 5 %}{% endif %}{{ q }}", "{% for x in [1] %}{% if t %}{% set q = 5 %}{% endif %}{{ q }}{% endfor %}{{ q }}", "{% set x.y = 1 %}", "{% set d.y = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set ns = namespace() %}{% set ns.x = 1 %}{{ ns.x }}{{ ns['x'] }}{{ ns.y }}|",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}E{% endfor %}", "{% for x in l %}{% for y in l %}{% break %}{% endfor %}{{ x }}{% endfor %}", "{% break %}",
    "{% for x in nest recursive %}{% if x is sequence %}[{{ loop(x) }}]{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}", "{% for x in l %}{{ loop([1]) }}{% endfor %}",
    "{% set x = 1, 2 %}{{ x }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set x %}a{{ n }}b{% endset %}[{{ x }}]", "{% set x | upper %}abc{% endset %}{{ x }}", "{% set x | replace('a', 'b') | upper %}aa{% endset %}{{ x }}", "{% set x %}{% set y = 1 %}{% endset %}{{ y }}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% set x = %}", "{% set x %}", "{% set messages = [1] + l %}{{ messages }}",
    "{% macro m(a, b=2) %}({{ a }},{{ b }}){% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}{{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m() %}{{ n }}{% set n = 5 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}", "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro m(n) %}{% if n > 0 %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro m() %}  x\n{% endmacro %}[{{ m() }}]", "{% macro m() %}x{% endmacro %}{{ m }}{% if false %}{{ m.name }}{% endif %}"[:33], "{% macro m(a, b) %}{% endmacro %}{{ m.name }}{{ m.arguments }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{{ n }}{% endcall %}", "{% macro m() %}<{{ caller(1) }}{{ caller(2) }}>{% endmacro %}{% call(x) m() %}[{{ x }}]{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}in{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}{% if caller is defined %}c{% endif %}n{% endmacro %}{{ m() }}", "{% call 5 %}{% endcall %}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(x) %}{% for i in x %}{{ i }}{{ loop.index }}{% endfor %}{% endmacro %}{{ m('ab') }}", "{% macro m() %}{{ loop }}{% endmacro %}{% for i in l %}{{ m() }}{% endfor %}",
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter nope %}{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}",
    "{% generation %}a{{ n }}{% set q = 1 %}{% endgeneration %}{{ q }}", "{% for m in l %}{% generation %}\n{{ m }}\n{% endgeneration %}\n{% endfor %}", "{%- generation -%} x {%- endgeneration -%} y",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% do l.append(1) %}", "{% trans %}x{% endtrans %}",
    "{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.current }}", "{% set g = l | map('string') %}{{ g | list }}{{ g | list }}", "{% set v = d.items() %}{{ v | list | length }}{{ v | list | length }}",
    "{{ raise_exception('x') }}", "{% if false %}{{ raise_exception('x') }}{% endif %}ok", "{% if false %}{{ 1 | nope }}{% endif %}ok", "{% if false %}{{ 1 is nope }}{% endif %}ok", "{% if false %}{{ nope.x.y }}{% endif %}ok",
    "{{ s | upper | replace('L', '_') }}{{ (l | sort)[0] }}", "{{ l[0], l[1] }}", "{{ 1, }}", "{{ a b }}", "{{ 1 2 }}", "{{ a. }}", "{{ a[ }}", "{{ (1 }}", "{{ [1 }}", "{{ 1) }}", "{{ 'a }}", "{{ a | }}", "{{ a is }}", "{{ | upper }}", "{{ 1 + }}", "{{ not }}", "{{ if }}", "{{ in }}", "{{ a = 1 }}", "{{ f(a=1, 2) }}", "{{ f(**d, 1) }}", "{{ dict(**{'a': 1}) }}", "{{ '{}{}'.format(*['a', 'b']) }}", "{{ a ? b }}", "{{ a && b }}", "{{ !a }}", "{{ a! }}", "{{ @ }}", "{{ $ }}", "{{ ` }}", "{{ a; b }}",
    "{% for in l %}{% endfor %}", "{% for x l %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for x.y in l %}{% endfor %}", "{% for 'x' in l %}{% endfor %}", "{% macro %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro m(1) %}{% endmacro %}", "{% for x in l %}", "{% macro m() %}", "{% set x %}a", "{% filter upper %}",
    "{{ n is divisibleby 7 7 }}", "{{ n is not none and t }}", "{{ n is none or t }}", "{{ n is none else 1 }}", "{{ 'x' if n is string else 'y' }}", "{{ (n is string) ~ '' }}", "{% if n is string %}a{% elif n is number %}b{% endif %}", "{% if not n is string %}a{% endif %}",
    "{{ messages }}", "{{ self }}"[:0], "x{% set a = 1 %}\ny", "x{% set a = 1 -%}\n  y", "x\n{%- set a = 1 %}\ny", "{% set a = 1 %}\n\n{% set b = 2 %}\n{{ a + b }}\n", "{{ n }}{# c #}\n{{ n }}", "{{ n }}\n{# c #}\n{{ n }}", "   {{ n }}   \n   {% if t %}   \n z {% endif %}   ", "{% if t -%}\n   a\n{%- endif %}\nb",
    "{% for x in l -%}\n  {{ x }}\n{%- endfor %}", "{% for x in l %}\n  {{ x }}\n{% endfor %}", "{% for x in l +%}\n{{ x }}{% endfor %}", "a\n\n  \n  {%- if t %}b{% endif %}", "{{ 'a' }}  \n", "\u00a0{% if t %}x{% endif %}", "\u2003\n\u2003{%- if t -%}\u00a0x{% endif %}",
    "{%set x=1%}{{x}}", "{{n|string|length}}", "{{n+1}}", "{{n-1}}", "{{n -1}}", "{{l[0]-1}}", "{{l|first-1}}", "{{ l|join('-')|length-1 }}", "{{ 1if t else 2 }}", "{{ 1.5|int }}", "{{ 1.e }}", "{{ .5 }}", "{{ 5. }}", "{{ 1..x }}", "{{ 01 }}", "{{ 0_1 }}", "{{ 00 }}", "{{ 1__0 }}", "{{ 1_ }}", "{{ 0x }}", "{{ 1e5 }}", "{{ 1E+2 }}", "{{ 1e }}",
    "{{ d.a.0 }}", "{{ d.a.0.1 }}", "{{ nest.0.1.0 }}", "{{ nest[0][1].0 }}", "{{ d.'a' }}", "{{ l[1, 2] }}", "{{ d[1, 2] }}", "{{ {(1, 2): 3}[1, 2] }}", "{{ l[1:2, 3] }}", "{{ l[:] }}", "{{ l[::] }}", "{{ s[:5][::-1] }}", "{{ l[] }}", "{{ l[none:none] }}", "{{ l['a':] }}", "{{ d[1:2] }}", "{{ n[1:2] }}",
    "{% set x = 'a' %}{% set x = x ~ x %}{{ x }}", "{% set l2 = l + [4] %}{{ l2 }}{{ l }}", "{% set ns = namespace(items=[]) %}{% for x in l %}{% set ns.items = ns.items + [x * 2] %}{% endfor %}{{ ns.items }}", "{{ namespace }}"[:0], "{% set ns = namespace(a={'b': 1}) %}{{ ns.a.b }}", "{% if l and d and s %}y{% endif %}{% if [] or {} or '' or 0 or 0.0 or none or () %}n{% endif %}",
    "{% for x in range(3) %}{{ x }}{% endfor %}{% for x in range(l | length) %}{{ l[x] }}{% endfor %}", "{% for i in range(0, 10, 4) %}{{ i }} {% endfor %}", "{% for k, v in d | dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for k, v in d | items %}{{ k }}{% endfor %}", "{% for g, items in objs | groupby('n') %}{{ g }}:{{ items | length }};{% endfor %}", "{% for g in objs | groupby('n') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}", "{% for row in l | batch(2) %}{{ row | join('+') }};{% endfor %}", "{% for x in l | reverse %}{{ x }}{{ loop.length }}{% endfor %}", "{% for x in l[::-1] %}{{ x }}{% endfor %}", "{% for x in (1, 2) + (3,) %}{{ x }}{% endfor %}", "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}", "{% for x in l if x is odd recursive %}{{ x }}{% endfor %}", "{% for x in (l if t else []) %}{{ x }}{% endfor %}", "{% for x in l if t else [] %}{{ x }}{% endfor %}",
    "{% if (n > 5) and (s | length > 3) or not t %}y{% endif %}", "{% if n in (1, 7) %}y{% endif %}", "{% if 'a' in d and d['a'] is not none and d['a'] | length > 0 %}y{% endif %}", "{% if d.zz is defined and d.zz %}y{% else %}n{% endif %}", "{% if d.zz %}y{% else %}n{% endif %}", "{% if n == 7 %}a{% endif %}{% if n != 7 %}b{% endif %}{% if n >= 7 %}c{% endif %}",
    "{{ caller }}", "{{ varargs }}", "{{ kwargs }}", "{{ self }}" [:0], "{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}", "{{ TRUE }}", "{{ null }}", "{{ nope | default(none) }}", "{{ [nope, none] }}", "{{ {'a': nope} }}", "{{ l ~ d ~ t }}", "{{ 'a' is string ~ 'b' }}", "{{ 1 < 2 ~ 3 }}", "{{ 'a' ~ 'b' == 'ab' }}", "{{ 2 + 3 ~ 4 }}", "{{ 2 * 3 ~ 4 }}", "{{ -1 | abs }}", "{{ -1 ** 2 }}", "{{ not 1 in [2] }}", "{{ 1 in [1] in [true] }}", "{{ 1 == 1 == 1 }}",
]

out = []
for expression in EXPRESSIONS:
    TEMPLATES.append("{{ " + expression + " }}")
seen = set()
for template in TEMPLATES:
    if template in seen:
        continue
    seen.add(template)
    try:
        text = _compile_jinja_template(template).render(**json.loads(json.dumps(VARS)))
        if " at 0x" in text:  # addresses of Python objects
            continue
    except Exception:
        text = None
    out.append([template, text])
path = pathlib.Path(__file__).parent.parent / "fixtures" / "jinja" / "features.json"
body = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in out)
path.write_text('{"variables": ' + json.dumps(VARS, ensure_ascii=False) + ',\n"cases": [\n' + body + "\n]}\n")
print(len(out), sum(1 for _, text in out if text is None))
