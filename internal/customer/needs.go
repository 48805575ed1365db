package customer

// A need is one line of the table of what a profile must have before its customer can confirm it (contract 8.1, 8.4): by kind
// and by the country of its address. The operator's Extras are further lines of the same table.
type need struct {
	Kind  Kind
	Field Field
	// Where says in words in which countries, and Unless what else takes the need away; empty for everywhere and nothing.
	Where, Unless string
	// in and when are the same as rules; nil for everywhere and always.
	in   func(country, region string) bool
	when func(Profile) bool
}

var (
	asksRegion     = func(country, _ string) bool { return AddressNeeds(Region, country) }
	asksPostCode   = func(country, _ string) bool { return AddressNeeds(PostCode, country) }
	asksItself     = func(p Profile) bool { return AsksDescription(p.Value(CompanyType)) }
	withRegions    = "countries with states or provinces in addresses"
	withPostCodes  = "countries with postcodes"
	unlessSaysMore = "the company type is not OTHER"
)

var needs = []need{
	{Kind: KindPersonal, Field: FirstName},
	{Kind: KindPersonal, Field: LastName, Unless: "the customer has one name only", when: func(p Profile) bool { return !p.Details.OneName }},
	{Kind: KindPersonal, Field: DateOfBirth},
	{Kind: KindPersonal, Field: Occupation, Where: "countries and states that ask for it", in: AsksOccupation},
	{Kind: KindPersonal, Field: Phone},
	{Kind: KindPersonal, Field: Country},
	{Kind: KindPersonal, Field: FirstLine},
	{Kind: KindPersonal, Field: City},
	{Kind: KindPersonal, Field: Region, Where: withRegions, in: asksRegion},
	{Kind: KindPersonal, Field: PostCode, Where: withPostCodes, in: asksPostCode},
	{Kind: KindBusiness, Field: BusinessName},
	{Kind: KindBusiness, Field: RegistrationNumber, Unless: "it is a sole proprietorship", when: func(p Profile) bool { return AsksRegistration(p.Value(CompanyType)) }},
	{Kind: KindBusiness, Field: CompanyType},
	{Kind: KindBusiness, Field: FirstCategory, Unless: "there are industries", when: func(p Profile) bool { return p.Value(Industries) == "" }},
	{Kind: KindBusiness, Field: Description, Unless: unlessSaysMore, when: asksItself},
	{Kind: KindBusiness, Field: WebPage, Unless: unlessSaysMore, when: asksItself},
	{Kind: KindBusiness, Field: Country},
	{Kind: KindBusiness, Field: FirstLine},
	{Kind: KindBusiness, Field: City},
	{Kind: KindBusiness, Field: Region, Where: withRegions, in: asksRegion},
	{Kind: KindBusiness, Field: PostCode, Where: withPostCodes, in: asksPostCode},
}

// Needs reports whether the field must be given for the confirmation.
func (p Profile) Needs(f Field) bool {
	for _, n := range needs {
		if n.Field == f && (n.Kind == KindBusiness) == (p.Kind == KindBusiness) {
			return (n.in == nil || n.in(p.Value(Country), p.Value(Region))) && (n.when == nil || n.when(p))
		}
	}
	return false
}
