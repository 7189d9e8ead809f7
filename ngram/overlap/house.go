package overlap

// House is the name of this program's own method, and Plain its normaliser: words of
// texts without markup. Package align says how it decides.
const (
	House = "swab"
	Plain = "plain"
)

func house() definition {
	return definition{
		Method: Method{
			Name: House, Brief: "the share of an item's information that stands in one place of a document", Version: 1,
			Norm: Plain, Unit: "word", Parts: AllParts,
			Text:    "",
			Source:  "this program; measured by make eval",
			Choices: "",
			Params: []Param{
				{Name: "factor", Text: "times the share that is needed: above 1 flags less", Value: 1.0, Low: 0.5, High: 3},
				{Name: "max-false", Text: "percent of decoys that may be flagged; the factor is raised until no more are; 0: any", Value: 0.0, Low: 0, High: 100},
			},
		},
		make: func(m *Method) {
			m.Factor, m.MaxFalse = m.share("factor"), m.share("max-false")/100
			m.N = fixed(1)
		},
	}
}
