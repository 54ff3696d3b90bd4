# style.gnuplot - how every plot looks. Set before, by -e: data (a directory of CSV files), out (a
# file name without its ending), theme (light, dark), format (svg, png).
#
# The eight colours are Okabe and Ito's, which people with any form of colour blindness can tell
# apart, made lighter or darker where a background asks for it. Lines also differ in dashes and
# marks, so nothing is told by colour alone.
if (!exists("theme")) theme = "light"
if (!exists("format")) format = "svg"
dark = theme eq "dark"
ink = dark ? "#e6edf3" : "#1f2328"
soft = dark ? "#9198a1" : "#59636e"
faint = dark ? "#30363d" : "#d9dee4"
paper = dark ? "#0d1117" : "#ffffff"

array colors[8]
colors[1] = dark ? "#58b5f0" : "#0072b2"
colors[2] = dark ? "#ff8a4c" : "#d55e00"
colors[3] = dark ? "#2fc89b" : "#009e73"
colors[4] = dark ? "#e69ac5" : "#b3568c"
colors[5] = dark ? "#f0b93a" : "#c98500"
colors[6] = dark ? "#9fd6ff" : "#3f9fd8"
colors[7] = dark ? "#f0e442" : "#8a8000"
colors[8] = dark ? "#b8c0cc" : "#57606a"
array marks[8] = [7, 5, 9, 11, 13, 4, 6, 8]
array dashes[8] = [1, 2, 4, 3, 5, 1, 2, 4]
color(i) = colors[(i - 1) % 8 + 1]
mark(i) = marks[(i - 1) % 8 + 1]
dash(i) = dashes[(i - 1) % 8 + 1]

if (!exists("wide")) wide = 900
if (!exists("high")) high = 540
set encoding utf8
if (format eq "svg") {
    set terminal svg size wide, high dynamic enhanced background paper font "sans-serif,15"
} else {
    set terminal pngcairo size wide, high enhanced background paper font "sans,12"
}
set output out . "." . format
set datafile separator ","
set datafile missing ""
set border 3 linecolor rgb ink
set tics nomirror textcolor rgb ink
set grid linetype 1 linecolor rgb faint linewidth 1
set key textcolor rgb ink samplen 3 spacing 1.15
set title textcolor rgb ink
set xlabel textcolor rgb ink
set ylabel textcolor rgb ink
set style fill solid 0.75 noborder
set errorbars small

# The names of the algorithms in a file, in its order, and a file's lines of one of them.
names_in(file) = system(sprintf("awk -F, 'NR > 1 && !seen[$1]++ { print $1 }' '%s/%s'", data, file))
only(name, file) = sprintf("< awk -F, 'NR == 1 || $1 == \"%s\"' '%s/%s'", name, data, file)
